import { websocketNodeClient, websocketNodeServer } from "./peers/websocket_node.ts";
import { testPeerClient, testPeerServer } from "./suite.ts";

testPeerClient(websocketNodeClient, { status: true, ca: true });
testPeerServer(websocketNodeServer);
