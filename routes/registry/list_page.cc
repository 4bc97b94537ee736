#include "routes/registry/list_page.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {

bool ListPage::is_full(const ListSource::Item& item) const {
  if (listed_ >= extent_.listed_max) return true;
  return looked_at_ > 0 && (looked_at_ >= extent_.looked_at_max || cost_ + item.cost > extent_.cost_max);
}

void ListPage::append(std::string& json, std::string_view item) {
  if (item.empty()) return;
  if (std::exchange(has_listed_, true)) json += ',';
  json += item;
}

// The first piece is made on the way: most pages are one.
void ListPage::collect(ListSource::Item& item) {
  const bool fits = item.long_bytes == 0 && first_.size() + item.json.size() <= kPieceBytes;
  is_collecting_ = is_collecting_ && (fits || !item.is_listed);
  if (!is_collecting_) return;
  if (item.is_listed) append(first_, item.json);
  made_up_to_ = item.key;
}

Result<bool> ListPage::survey() {
  auto some = source_->behind(last_);
  if (!some) return failure(some.error());
  for (auto& item : some->items) {
    has_more_ = is_full(item) && (item.is_listed || !source_->is_silent());
    if (has_more_) return true;
    ++looked_at_;
    cost_ += item.cost;
    if (item.is_listed) {
      ++listed_;
      last_listed_ = item.key;
    }
    collect(item);
    last_ = item.key;
  }
  return some->ended;
}

std::string ListPage::link() const {
  if (!has_more_ || looked_at_ == 0) return {};
  return source_->link_behind(source_->is_silent() ? last_listed_ : last_);
}

std::string ListPage::take_first() {
  is_ended_ = made_up_to_ == last_;
  if (is_ended_) first_ += closing_;
  return std::move(first_);
}

Result<ListPage::Piece> ListPage::next(uint64_t room) {
  Piece piece;
  while (made_up_to_ < last_) {
    auto some = source_->behind(made_up_to_);
    if (!some) return failure(some.error());
    for (auto& item : some->items) {
      if (item.key > last_) {
        made_up_to_ = last_;
        break;
      }
      const uint64_t bytes = std::max<uint64_t>(item.json.size(), item.long_bytes);
      if (item.is_listed && !piece.json.empty() && piece.json.size() + bytes > kPieceBytes) return piece;
      if (item.is_listed && bytes > std::max<uint64_t>(room, kPieceBytes)) {
        piece.needs = bytes;
        return piece;
      }
      if (item.is_listed && item.long_bytes > 0) {
        auto whole = source_->whole(item);
        if (!whole) return failure(whole.error());
        item.json = *std::move(whole);
      }
      if (item.is_listed) append(piece.json, item.json);
      made_up_to_ = item.key;
    }
    if (some->ended) made_up_to_ = last_;
  }
  piece.json += closing_;
  is_ended_ = true;
  return piece;
}

}  // namespace breakwater::routes
