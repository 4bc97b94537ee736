// One page of a list of our own registry, as JSON. It is made in pieces, as the client takes them, so that a
// long page is never in memory as a whole; and its extent is found out first, because the link to the next
// page goes before it.
//
//   survey() until it returns true -> link(), take_first() -> next() until is_ended()
//
// What is removed meanwhile is left out, what comes meanwhile is on the page if it belongs there. Everything
// but take_first() and link() may block, and is made by one thread after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/base/result.h"

namespace breakwater::routes {

// What a list is made of.
class ListSource {
 public:
  struct Item {
    std::string key;          // lists are in the order of the keys
    bool is_listed = true;    // else it is only looked at
    std::string json;         // as the list has it; empty if it is long: then whole() reads it
    uint64_t long_bytes = 0;  // of what whole() reads
    uint64_t cost = 0;        // in bytes, of looking at it and listing it
  };
  struct Items {
    std::vector<Item> items;
    bool ended = false;  // nothing is behind them
  };
  virtual ~ListSource() = default;
  // Some behind `key`: about as many as a piece has.
  virtual Result<Items> behind(const std::string& key) const = 0;
  virtual Result<std::string> whole(const Item& item) const = 0;  // "" if it is gone
  virtual std::string link_behind(const std::string& key) const = 0;
  // Whether nobody may learn of what is not listed: the link is behind what is, then.
  virtual bool is_silent() const { return false; }
};

class ListPage {
 public:
  static constexpr size_t kPieceBytes = 32 << 10;
  struct Extent {
    uint64_t listed_max;     // items on the page
    uint64_t looked_at_max;  // whether or not they are on it
    uint64_t cost_max;       // of all of these, unless it is one alone
  };
  // `begin` and `end` stand around the items.
  ListPage(std::unique_ptr<ListSource> source, std::string last, const Extent& extent, std::string begin,
           std::string end)
      : source_(std::move(source)),
        extent_(extent),
        first_(std::move(begin)),
        closing_(std::move(end)),
        made_up_to_(last),
        last_(std::move(last)) {}

  // Looks at some more. True once the page's extent is known.
  Result<bool> survey();
  std::string link() const;  // to the page behind this one, or ""
  std::string take_first();
  bool is_ended() const { return is_ended_; }

  struct Piece {
    std::string json;
    uint64_t needs = 0;  // not 0: there is no piece, because it takes so many bytes
  };
  // The next piece, of about kPieceBytes, or of one item that is longer, within `room`.
  Result<Piece> next(uint64_t room);

 private:
  bool is_full(const ListSource::Item& item) const;
  void collect(ListSource::Item& item);
  void append(std::string& json, std::string_view item);

  std::unique_ptr<ListSource> source_;
  Extent extent_;
  std::string first_;  // the piece that survey() has made
  std::string closing_;
  bool is_collecting_ = true;
  bool has_listed_ = false;  // in what was made
  bool is_ended_ = false;
  std::string made_up_to_;  // the key of the last item that was made
  std::string last_listed_;
  std::string last_;  // the key of the last item of the page
  uint64_t listed_ = 0, looked_at_ = 0, cost_ = 0;
  bool has_more_ = false;
};

}  // namespace breakwater::routes
