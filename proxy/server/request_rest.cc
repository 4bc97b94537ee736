#include "proxy/server/request_rest.h"

namespace breakwater::proxy {
namespace {

std::string text_of(const Request& request) {
  std::string text =
      request.method + " " + request.target + " HTTP/1." + std::to_string(request.minor_version) + "\r\n";
  for (const Header& header : request.headers) text += header.name + ": " + header.value + "\r\n";
  return text += "\r\n";
}

}  // namespace

std::string head_again(const Request& request, bool continue_said) {
  Request again = request;
  if (continue_said) again.headers.remove("Expect");
  return text_of(again);
}

std::string head_of_part(const Request& request, uint64_t first, uint64_t length) {
  Request part = request;
  for (const char* name : {"If-Range", "If-None-Match", "If-Modified-Since"}) part.headers.remove(name);
  part.headers.set("Range", "bytes=" + std::to_string(first) + "-" + std::to_string(first + length - 1));
  return text_of(part);
}

std::string head_of_rest(const Request& request, std::optional<uint64_t> left) {
  Request rest = request;
  for (const char* name : {"Expect", "Content-Range"}) rest.headers.remove(name);
  if (left) rest.headers.set("Content-Length", std::to_string(*left));
  return text_of(rest);
}

}  // namespace breakwater::proxy
