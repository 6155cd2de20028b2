import { fayeClient, fayeServer } from "./peers/faye.ts";
import { testPeerClient, testPeerServer } from "./suite.ts";

testPeerClient(fayeClient, { status: true, ca: true });
testPeerServer(fayeServer);
