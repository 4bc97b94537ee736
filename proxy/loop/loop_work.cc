#include "proxy/loop/loop_work.h"

namespace breakwater::proxy {

Work WorkNames::add(std::string_view words) {
  if (++last_ == 0) ++last_;
  Entry& entry = entries_[last_ % kKept];
  entry.work = last_;
  entry.length = static_cast<uint8_t>(words.copy(entry.words.data(), kBytesMax));
  return last_;
}

std::string_view WorkNames::words_of(Work work) const {
  const Entry& entry = entries_[work % kKept];
  if (work == 0 || entry.work != work) return {};
  return {entry.words.data(), entry.length};
}

}  // namespace breakwater::proxy
