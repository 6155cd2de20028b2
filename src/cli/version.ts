/**
 * The version that the command line shows.
 * @module
 */

/** The package's version; a test compares it with the manifest's. */
export const VERSION = "0.1.0";
