/**
 * What answers plain HTTP requests: in a module of its own, so that the declarations of `serve()`
 * ask for no types of Node.
 *
 * @module
 */

/** Answers plain HTTP requests. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;
