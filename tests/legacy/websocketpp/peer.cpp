// A peer for the interop tests: one connection of WebSocket++ over standard input and output, which
// needs the library's headers (Debian: libwebsocketpp-dev) and no Boost.
//
//   peer server        echoes; text "close me" closes with 3001, "origin?" asks for the origin
//   peer client <url>  asks for the subprotocol "chat", does not speak first, and then does the same

#include <iostream>
#include <string>
#include <unistd.h>
#include <websocketpp/client.hpp>
#include <websocketpp/config/core.hpp>
#include <websocketpp/config/core_client.hpp>
#include <websocketpp/server.hpp>

namespace {

typedef websocketpp::server<websocketpp::config::core> Server;
typedef websocketpp::client<websocketpp::config::core_client> Client;
typedef websocketpp::connection_hdl Handle;

template <typename Endpoint>
void on_message(Endpoint* endpoint, Handle handle, typename Endpoint::message_ptr message) {
  typename Endpoint::connection_ptr connection = endpoint->get_con_from_hdl(handle);
  const std::string& payload = message->get_payload();
  if (payload == "close me") {
    connection->close(3001, "reason");
  } else if (payload == "origin?") {
    connection->send(connection->get_origin(), websocketpp::frame::opcode::text);
  } else {
    connection->send(payload, message->get_opcode());
  }
}

template <typename Endpoint>
void on_end(Endpoint* endpoint, Handle handle) {
  typename Endpoint::connection_ptr connection = endpoint->get_con_from_hdl(handle);
  std::cerr << connection->get_remote_close_code() << ' ' << connection->get_remote_close_reason()
            << std::endl;
}

// A server takes the first subprotocol that it is offered.
bool validate(Server* server, Handle handle) {
  Server::connection_ptr connection = server->get_con_from_hdl(handle);
  const std::vector<std::string>& offered = connection->get_requested_subprotocols();
  if (!offered.empty()) connection->select_subprotocol(offered[0]);
  return true;
}

template <typename Endpoint>
void prepare(Endpoint& endpoint) {
  using websocketpp::lib::bind;
  using websocketpp::lib::placeholders::_1;
  using websocketpp::lib::placeholders::_2;
  endpoint.clear_access_channels(websocketpp::log::alevel::all);
  endpoint.clear_error_channels(websocketpp::log::elevel::all);
  endpoint.register_ostream(&std::cout);
  endpoint.set_message_handler(bind(&on_message<Endpoint>, &endpoint, _1, _2));
  endpoint.set_close_handler(bind(&on_end<Endpoint>, &endpoint, _1));
  endpoint.set_fail_handler(bind(&on_end<Endpoint>, &endpoint, _1));
}

// Feeds standard input to the connection until either has ended.
template <typename Connection>
int pump(Connection connection) {
  char buffer[65536];
  for (;;) {
    std::cout.flush();
    if (connection->get_state() == websocketpp::session::state::closed) return 0;
    ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size <= 0) break;
    connection->read_all(buffer, static_cast<size_t>(size));
  }
  connection->eof();
  std::cout.flush();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::ios_base::sync_with_stdio(false);
  const std::string mode = count > 1 ? arguments[1] : "";
  if (mode == "server") {
    Server server;
    prepare(server);
    server.set_validate_handler(
        websocketpp::lib::bind(&validate, &server, websocketpp::lib::placeholders::_1));
    Server::connection_ptr connection = server.get_connection();
    connection->start();
    return pump(connection);
  }
  if (mode == "client" && count > 2) {
    Client client;
    prepare(client);
    websocketpp::lib::error_code error;
    Client::connection_ptr connection = client.get_connection(arguments[2], error);
    if (error) {
      std::cerr << error.message() << std::endl;
      return 1;
    }
    connection->add_subprotocol("chat");
    client.connect(connection);
    return pump(connection);
  }
  std::cerr << "usage: peer server | peer client <url>" << std::endl;
  return 2;
}
