/**
 * <dlf-img src alt noise downscale>: shows a .dlf file. `load` and `error` fire as of an <img>; the
 * `error` of an ErrorEvent is a DlfError.
 */
export interface DlfImageElement extends HTMLElement {
  readonly naturalWidth: number;
  readonly naturalHeight: number;
}

declare global {
  interface HTMLElementTagNameMap {
    "dlf-img": DlfImageElement;
  }
}
