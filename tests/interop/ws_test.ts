import { wsClient, wsServer } from "./peers/ws.ts";
import { testPeerClient, testPeerServer } from "./suite.ts";

testPeerClient(wsClient, { status: true, body: true, ca: true });
testPeerServer(wsServer);
