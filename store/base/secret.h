// Text that nobody else may read: a password, or a token. Its memory is overwritten when it is not needed any
// more, so that neither a core file nor memory that is used again has it.
//
//   const Secret password = given.take();      // it moves; to copy it, say so
//   if (same_secret(password.view(), other)) …
//
// A Secret has one owner and cannot be copied: a copy is a Secret of its own, Secret(other.view()). A
// std::string would leave its bytes behind where it grows or moves. Any thread; not two at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace breakwater::store {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  std::string_view view() const { return {bytes_.get(), size_}; }
  const char* c_str() const { return bytes_ ? bytes_.get() : ""; }
  bool empty() const { return size_ == 0; }

 private:
  void cleanse();

  std::unique_ptr<char[]> bytes_;  // and a NUL
  size_t size_ = 0;
};

// Takes as long whatever the two have in common, if they are of one length.
bool same_secret(std::string_view a, std::string_view b);

// For bytes of a secret that have to be in a buffer for a moment.
void cleanse(std::span<char> bytes);
void cleanse(std::string& text);

// Bytes that nobody can foresee. The process ends if the machine has none.
void fill_random(std::span<char> bytes);

}  // namespace breakwater::store
