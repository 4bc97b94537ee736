#include "proxy/loop/loop_work.h"

#include <algorithm>

namespace breakwater::proxy {

Work WorkNames::add(std::string_view subject, std::string_view object) {
  if (++last_ == 0) ++last_;
  Entry& entry = entries_[last_ % kKept];
  entry.work = last_;
  size_t length = subject.copy(entry.words.data(), kBytesMax);
  if (!object.empty() && length < kBytesMax) {
    entry.words[length++] = ' ';
    length += object.copy(entry.words.data() + length, kBytesMax - length);
  }
  entry.length = static_cast<uint8_t>(length);
  return last_;
}

std::string WorkNames::words_of(Work work) const {
  const Entry& entry = entries_[work % kKept];
  if (work == 0 || entry.work != work) return {};
  std::string words(entry.words.data(), entry.length);
  std::replace_if(
      words.begin(), words.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return words;
}

}  // namespace breakwater::proxy
