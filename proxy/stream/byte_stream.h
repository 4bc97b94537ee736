// How the bytes of a connection go through its descriptor: as they are (PlainStream), or in TLS (TlsStream).
// A Socket has one, and neither it nor what is above it knows which.
//
//   under_way --open(), again and again--> open      bytes go both ways
//                                     |--> plain     TLS was expected, and the client speaks HTTP without it
//                                     `--> refused   the client has been told so, if that can be; see why()
//
// In `plain` and `refused` the bytes are what is on the wire, so that the one can be answered, and what still
// comes from the other can be dropped. Nobody may take them for something that was deciphered.
//
// No call blocks. A stream borrows its descriptor, which must be non-blocking and outlive the last call.
// Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace breakwater::proxy {

class ByteStream {
 public:
  enum class Opening : uint8_t { under_way, open, plain, refused };
  // What can be done after a call: go on at once, or when the descriptor is readable, or writable; there is
  // no more to receive (ended); or nothing at all any more (failed). bad_file: the file is too short, or
  // cannot be read.
  enum class Next : uint8_t { now, readable, writable, ended, failed, bad_file };
  struct Moved {
    size_t bytes = 0;  // that went, whatever is next
    Next next = Next::now;
  };
  enum class More : uint8_t { no, soon };  // soon: the kernel may wait for what follows
  using Parts = std::span<const std::string_view>;

  // A stream may look at so many bytes together. What send() has not taken is given to it again, and then so
  // much of it at least, if there is so much.
  static constexpr size_t kRecordBytes = size_t{16} << 10;

  virtual ~ByteStream() = default;

  virtual Opening opening() const = 0;
  // Goes on with the opening, while that is under way. `now`: it is not any more.
  virtual Next open() = 0;
  virtual std::string why() const = 0;  // Why it was refused, in plain words; else "".
  // Whom the client's certificate names, as "CN=ci,O=Example"; "" if it has shown none. Once it is open.
  virtual std::string subject() const = 0;

  // As much as has come and fits.
  virtual Moved receive(std::span<char> into) = 0;
  // Whether receive() would find bytes of which the descriptor shows nothing.
  virtual bool has_pending() const = 0;
  // As much of the parts as the kernel takes.
  virtual Moved send(Parts parts, More more) = 0;
  // Part of a file, without copying it where that can be. What was not sent is asked for again before
  // anything else is sent.
  virtual Moved send_file(int file, uint64_t offset, size_t bytes) = 0;
  // Bytes of memory that are held for the client until it takes them.
  virtual size_t held() const = 0;
  // Says that nothing more is sent, if there is a way to say so other than the end of the connection. Call it
  // when all is sent, and again after `writable`. What is received from then on is good for nothing but to be
  // dropped.
  virtual Next say_end() = 0;

  // Whether somebody else can go on with nothing but the descriptor.
  virtual bool is_bare() const = 0;
};

}  // namespace breakwater::proxy
