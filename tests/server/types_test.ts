/**
 * What TypeScript knows of routes: checked when this file is.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { type PathParams, Router } from "../../src/server/mod.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only for `true`. */
function holds<T extends true>(it: T): void {
  assertEquals(it, true);
}

test("parameters are typed by the pattern", () => {
  holds<Same<PathParams<"/:a/x/:b_2">["a"], string>>(true);
  holds<Same<PathParams<"/:a/x/:b_2">["b_2"], string>>(true);
  holds<Same<PathParams<"/:a?">["a"], string | undefined>>(true);
  holds<Same<PathParams<"/:a(\\d+)">["a"], string>>(true);
  holds<Same<PathParams<"/:a(\\d+)?/:b">["a"], string | undefined>>(true);
  holds<Same<PathParams<"/:a(\\d+)?/:b">["b"], string>>(true);
  holds<Same<PathParams<"/:a*">["a"], string | undefined>>(true);
  holds<Same<PathParams<"/:a+">["a"], string>>(true);
  holds<Same<PathParams<"/x{/:a}?">["a"], string | undefined>>(true);
  holds<Same<PathParams<"/*">[0], string | undefined>>(true);
  holds<Same<PathParams<string>["any"], string | undefined>>(true);
  holds<Same<"b" extends keyof PathParams<"/:a"> ? true : false, false>>(true);
});

test("data is typed by what makes it, also when that may refuse", () => {
  const router = new Router();
  const route = router.route("/rooms/:id", {
    data: async (_request, { params }) => {
      await Promise.resolve();
      if (params.id === "0") return new Response(null, { status: 403 });
      return { id: Number(params.id) };
    },
    handler: {
      open(socket, { params }) {
        holds<Same<typeof socket.data, { id: number }>>(true);
        // @ts-expect-error: there is no such parameter
        params.room;
      },
      message(socket) {
        // @ts-expect-error: there is no such data
        socket.data.name;
      },
    },
  });
  route.broadcast("x", { filter: (socket) => socket.data.id > 1 });
  router.route("/:a", {
    data: () => "text",
    handler: (socket, { params }) => {
      holds<Same<typeof socket.data, string>>(true);
      holds<Same<typeof params.a, string>>(true);
    },
  });
  // Whoever sets the data later says so.
  router.route<"/", { name?: string }>("/", {
    handler: { open: (socket) => void socket.data.name },
  });
  router.route("/:b", (_socket, { params }) => holds<Same<typeof params.b, string>>(true));
  assertThrows(() => {
    // @ts-expect-error: no handler
    router.route("/x", {});
  }, TypeError);
});
