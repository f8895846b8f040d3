/** What every function of this package throws. `status` is a name of dlf.h, "DLF_TRUNCATED_FILE". */
export class DlfError extends Error {
  /**
   * @param {string} status a name of `dlf_status`
   * @param {string} text what is wrong, one line
   */
  constructor(status, text) {
    super(`${status}: ${text}`);
    this.name = "DlfError";
    this.status = status;
    this.text = text;
  }
}

/** Throws DLF_INVALID_ARGUMENT unless `condition` holds. */
export function require(condition, text) {
  if (!condition) throw new DlfError("DLF_INVALID_ARGUMENT", text);
}

/** Any error as a DlfError: what is none was not expected. */
export function asDlfError(error) {
  return error instanceof DlfError ? error : new DlfError("DLF_INTERNAL", String(error));
}
