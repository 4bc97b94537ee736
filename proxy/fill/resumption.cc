#include "proxy/fill/resumption.h"

#include <string>

#include "proxy/http/content_range.h"

namespace breakwater::proxy {
namespace {

tl::unexpected<Error> contradiction(const char* what, uint64_t said, uint64_t expected) {
  return failure(Error::Kind::corrupt, std::string("upstream answered ") + what + " " + std::to_string(said) +
                                           " where " + std::to_string(expected) + " was due");
}

Result<Resumption> check_whole(const Head& head, uint64_t have, std::optional<uint64_t> size) {
  if (size && head.length && *head.length != *size)
    return contradiction("with a body of", *head.length, *size);
  Resumption whole;
  whole.skip = have;
  whole.size = size ? size : head.length;
  return whole;
}

Result<Resumption> check_rest(const Head& head, uint64_t have, std::optional<uint64_t> size) {
  if (have == 0) return failure(Error::Kind::corrupt, "upstream answered 206 to a request without Range");
  auto range = parse_content_range(head.headers.get("Content-Range"));
  if (!range || !range->first)
    return failure(Error::Kind::corrupt, "upstream answered 206 without a usable Content-Range");
  if (*range->first != have) return contradiction("with a range that starts at", *range->first, have);
  if (size && range->total && *range->total != *size)
    return contradiction("with a total of", *range->total, *size);
  Resumption rest;
  rest.size = size ? size : range->total;
  // An answer may send less than was asked for (RFC 9110, 15.3.7); the caller then asks for the rest.
  if (rest.size && *range->last >= *rest.size)
    return contradiction("with a range that ends at", *range->last, *rest.size - 1);
  return rest;
}

}  // namespace

Result<Resumption> check_resumption(const Head& head, uint64_t have, std::optional<uint64_t> size) {
  if (head.status == 200) return check_whole(head, have, size);
  if (head.status == 206) return check_rest(head, have, size);
  return failure(Error::Kind::corrupt,
                 "upstream answered " + std::to_string(head.status) + " where a body was due");
}

}  // namespace breakwater::proxy
