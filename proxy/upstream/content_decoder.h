// Undoes a Content-Encoding that upstream used although identity was asked for: gzip and deflate. The label
// is a hint, and the bytes decide: what is labelled gzip and does not begin as gzip does passes as it is.
// Bytes after the end of the encoded body are dropped.
//
// Decoded bytes go to the next sink in pieces of at most 64 KiB, and no more is decoded than that sink takes.
// So a small body that decodes to a huge one is stopped by the sink's own limit. Lives in the frame of one
// transfer.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"

namespace breakwater::proxy {

class ContentDecoder {
 public:
  enum class Coding { gzip, deflate };

  ContentDecoder(Coding coding, Sink& next);
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  // As Sink::body(): false means that the next sink is full, and the same bytes come again. The error is
  // `corrupt` if they are damaged, or what the next sink returned.
  Result<bool> body(std::span<const char> data);
  // Whether the body may end here.
  bool is_complete() const;

 private:
  struct Inflater;
  enum class State { beginning, plain, inflating, ended };

  Result<size_t> decode(std::span<const char> data);
  Result<size_t> begin(std::span<const char> data);
  Result<size_t> inflate(std::span<const char> data);

  Coding coding_;
  Sink& next_;
  State state_ = State::beginning;
  std::string first_;   // the first bytes, until there are enough to tell what they are
  std::string output_;  // decoded, and not yet taken by the next sink
  bool more_ = false;   // more output may follow without further input
  size_t again_ = 0;    // bytes that were decoded and will come again, because the next sink was full
  std::unique_ptr<Inflater> inflater_;
};

// The coding that a Content-Encoding names; nothing for identity and for what we cannot undo. The latter may
// be no coding of the transfer but one of the object: storage labels a layer that is a gzip file.
std::optional<ContentDecoder::Coding> coding_of(std::string_view content_encoding);

// The coding that has to be undone to get what was asked for; nothing if the body is that as it is. A body,
// or for a 206 the whole that it is a part of, that is `size` bytes long on the wire is the thing itself.
std::optional<ContentDecoder::Coding> coding_to_undo(const Head& head, Decoding decoding,
                                                     std::optional<uint64_t> size);

}  // namespace breakwater::proxy
