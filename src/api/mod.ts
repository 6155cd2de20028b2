/**
 * L5: the API that users see, portable.
 * @module
 */

export {
  HANDSHAKE_ERROR_CODES,
  HandshakeError,
  type HandshakeErrorCode,
  type HandshakeErrorInit,
  WEBSOCKET_ERROR_CODES,
  WebSocketError,
  type WebSocketErrorCode,
  type WebSocketErrorInit,
} from "../errors.ts";
export type {
  CodecDeflater,
  CodecInflater,
  DeflateCodec,
  DeflaterSettings,
} from "../extensions/mod.ts";
export { CloseCode } from "../frames/mod.ts";
export {
  type HeadersFunction,
  type HeadersLike,
  isUpgradeRequest,
  type OriginCheck,
  type OriginPolicy,
  type RequestLike,
  type SubprotocolChoice,
  type SubprotocolChooser,
  type SubprotocolPolicy,
  type UpgradeRequest,
  type Verify,
} from "../handshake/mod.ts";
export type { ClosePayload } from "../connection/mod.ts";
export type { CloseInfo, ConnectionCapabilities, LastWord } from "./channel.ts";
export type { DataFrame } from "./frame_consumer.ts";
export type { ClientOptions } from "./client_options.ts";
export type { CompressionOptions } from "./compression.ts";
export { WebSocketConnection } from "./connection.ts";
export type { CloseAnswer, Handler, HandlerCallbacks } from "./handler.ts";
export type { Message } from "./message_queue.ts";
export type { StreamedMessage } from "./message_reader.ts";
export type {
  ConnectionObserver,
  Direction,
  FrequentEvent,
  ObservedClose,
  ObservedClosing,
  ObservedConnection,
  ObservedControl,
  ObservedEndpoint,
  ObservedFrame,
  ObservedHead,
  ObservedHttp,
  ObservedMessage,
} from "./observer.ts";
export type { ConnectionOptions } from "./options.ts";
export { PreparedMessage, prepareMessage, type PrepareOptions } from "./prepared_message.ts";
export type { Bytes, Sendable, SendOptions } from "./sender.ts";
export type { ServerOptions } from "./server_opening.ts";
