/**
 * How long tests wait for what comes over real sockets and processes.
 * @module
 */

import process from "node:process";

/**
 * How many times longer than on a quiet machine tests wait, and let pass between the beats that
 * they give a connection: 1 unless `FULLDUPLEX_TEST_PATIENCE` says more.
 */
export const PATIENCE: number = Math.max(1, Number(process.env.FULLDUPLEX_TEST_PATIENCE) || 1);
