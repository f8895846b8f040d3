/** A name of `dlf_status` in dlf.h. */
export type DlfStatus =
  | "DLF_INVALID_FILE"
  | "DLF_TRUNCATED_FILE"
  | "DLF_UNSUPPORTED"
  | "DLF_LIMIT_EXCEEDED"
  | "DLF_MODEL_ERROR"
  | "DLF_INVALID_ARGUMENT"
  | "DLF_OUT_OF_MEMORY"
  | "DLF_CANCELLED"
  | "DLF_INTERNAL";

/** What every function here rejects with, but for an aborted `signal`: then it is its reason. */
export class DlfError extends Error {
  constructor(status: DlfStatus, text: string);
  readonly status: DlfStatus;
  /** The message without the status. */
  readonly text: string;
}

/** A whole .dlf file. It is copied, never taken away. */
export type DlfFile = ArrayBuffer | ArrayBufferView | Blob;

/** What one call may cost; the defaults are those of dlf.h, but maxMemory's, which is 1 GiB. */
export interface DlfLimits {
  maxPixels?: number;
  maxSide?: number;
  maxMemory?: number;
  maxChunkBytes?: number;
  maxFileBytes?: number;
}

export interface CallOptions {
  limits?: DlfLimits;
  /** Ends the call at once. */
  signal?: AbortSignal;
  /** Told how far the call is, from (0, total) to (total, total). */
  onProgress?: (done: number, total: number) => void;
}

export interface DecodeOptions extends CallOptions {
  /** The picture at that part of its size, from less work; default 1. */
  downscale?: 1 | 2 | 4 | 8;
  /** Texture that no bits describe: as the format defines it (default), or none. */
  noise?: "vivid" | "faithful";
  /** A part of the picture, in its own pixels before any turning. */
  region?: { x: number; y: number; width: number; height: number };
  /** Leave the detail layer out. */
  semanticOnly?: boolean;
  /** The best picture so far of a file that ends too early. */
  allowTruncated?: boolean;
  /** "none": do not turn the picture as its orientation says. Default "from-image". */
  imageOrientation?: "from-image" | "none";
}

/** Where people look: [height][width] from -127 (least) over 0 (as the rest) to 127 (most). */
export interface ImportanceGrid {
  data: Int8Array;
  width: number;
  height: number;
}

/** At most one of `quality`, `bpp`, `maxBytes` and `rate`; without any, quality is 50. */
export interface EncodeOptions extends CallOptions {
  /** 0 (smallest file) to 100 (best picture). */
  quality?: number;
  /** Bits of the whole file per pixel, at most. */
  bpp?: number;
  /** Bytes of the whole file, at most. */
  maxBytes?: number;
  /** A rate point of the model. */
  rate?: number;
  /** EXIF, 1 to 8; recorded, the pixels are taken as they are. Default 1. */
  orientation?: number;
  /** "auto": what the model itself finds. */
  importance?: ImportanceGrid | "auto";
  /** The id of the model; default: the one that index.json in the folder of models names. */
  model?: number;
}

export interface DlfInfo {
  modelId: number;
  /** Pixels, before any turning. */
  width: number;
  height: number;
  /** How large the picture is to be shown, before any turning: as above, unless it was reduced. */
  displayWidth: number;
  displayHeight: number;
  /** 1 L, 2 LA, 3 RGB, 4 RGBA. */
  channels: number;
  /** EXIF, 1 to 8. */
  orientation: number;
  colorSpace: "srgb" | "display-p3";
  rate: number;
  hasImportanceMap: boolean;
}

/**
 * Says where models lie: a folder with ID.decoder.dlfm to decode with, and ID.dlfm to encode with.
 * Default: `models/` beside this module. An address is relative to the page.
 */
export function configure(options: { models: string | URL }): void;

/** What the header says; no model is needed. */
export function probe(file: DlfFile): Promise<DlfInfo>;

/** Decodes to 8-bit R G B A. Samples are in the file's colour space, which `colorSpace` names. */
export function decode(file: DlfFile, options?: DecodeOptions): Promise<ImageData>;

/** Decodes to a PNG, stored without compression, with the file's colour profile. */
export function decodeToPng(file: DlfFile, options?: DecodeOptions): Promise<Blob>;

/** Encodes; an opaque picture has no alpha in the file. */
export function encode(image: ImageData, options?: EncodeOptions): Promise<Uint8Array>;
