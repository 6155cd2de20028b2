// uWebSockets in C++: the same echo and broadcast as the other programs of this folder, for
// `--uws PATH` with the executable's path. With a checkout of uWebSockets and uSockets (built by
// its own `make`) in $UWS:
//
//   g++ -O3 -march=native -std=c++20 -I$UWS/src -I$UWS/uSockets/src \
//     tests/bench/programs/uwebsockets.cpp $UWS/uSockets/uSockets.a -lz -o uwebsockets

#include "App.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>

struct Nothing {};

// Obeys the parent: a line asks for the memory, of which the parent sees the resident part itself.
static void listenToParent() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << "MEMORY {\"heapUsed\":0,\"external\":0,\"arrayBuffers\":0}" << std::endl;
  }
  std::_Exit(0);
}

int main(int count, char **words) {
  bool broadcast = false, deflate = false, takeover = true;
  for (int i = 1; i < count; i++) {
    if (!std::strcmp(words[i], "broadcast")) broadcast = true;
    if (!std::strcmp(words[i], "deflate")) deflate = true;
    if (!std::strcmp(words[i], "no-takeover")) takeover = false;
  }

  uWS::App app;
  uWS::App::WebSocketBehavior<Nothing> behavior;
  behavior.maxPayloadLength = 16 * 1024 * 1024;
  behavior.maxBackpressure = 64 * 1024 * 1024;
  int compression = uWS::DISABLED;
  if (deflate && takeover) compression = uWS::DEDICATED_COMPRESSOR | uWS::DEDICATED_DECOMPRESSOR;
  else if (deflate) compression = uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR;
  behavior.compression = uWS::CompressOptions(compression);
  behavior.open = [broadcast](auto *socket) {
    if (broadcast) socket->subscribe("all");
  };
  behavior.message = [broadcast, deflate, &app](auto *socket, std::string_view data, auto type) {
    if (broadcast) app.publish("all", data, type);
    else socket->send(data, type, deflate);
  };
  app.ws<Nothing>("/*", std::move(behavior));
  app.listen("127.0.0.1", 0, [](us_listen_socket_t *socket) {
    if (socket == nullptr) std::_Exit(1);
    std::cout << "PORT " << us_socket_local_port(0, (us_socket_t *) socket) << std::endl;
  });
  std::thread(listenToParent).detach();
  app.run();
}
