#include "store/catalog/catalog_holders.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {
namespace {

// A place among the keys of one kind that begin with a digest, and go on with the name of a repository.
class Place {
 public:
  explicit Place(std::unique_ptr<rocksdb::Iterator> at) : at_(std::move(at)) {}

  // Goes to the first key with this prefix. Prefixes come in the order of the keys.
  void go_to(std::string prefix) {
    prefix_ = std::move(prefix);
    if (!is_begun_ || (at_->Valid() && view(at_->key()) < prefix_)) at_->Seek(prefix_);
    is_begun_ = true;
  }
  // The name of the repository that the key goes on with, as it is written; nothing if there are no more.
  std::optional<std::string_view> name() const {
    if (!at_->Valid() || !at_->key().starts_with(prefix_)) return std::nullopt;
    const std::string_view rest = view(at_->key()).substr(prefix_.size());
    const size_t route_end = rest.find('\0');
    const size_t end = route_end == std::string_view::npos ? route_end : rest.find('\0', route_end + 1);
    return rest.substr(0, end == std::string_view::npos ? end : end + 1);
  }
  // Leaves this repository, of which there may be very many keys.
  void leave(const std::string& name) {
    at_->Next();
    if (this->name() == name) at_->Seek(behind_name(prefix_ + name));
  }
  rocksdb::Status status() const { return at_->status(); }

 private:
  std::unique_ptr<rocksdb::Iterator> at_;
  std::string prefix_;
  bool is_begun_ = false;
};

Result<> tell_holders(std::array<Place, 3>& places, CatalogHolders::Visitor& visitor) {
  for (;;) {
    std::optional<std::string_view> least;
    for (const Place& place : places) {
      const auto name = place.name();
      if (name && (!least || *name < *least)) least = name;
    }
    if (!least) break;
    const std::string name(*least);
    KeyReader in(name, 0);
    const RepositoryKey repository = in.repository();
    if (in.failed()) return malformed_key();
    visitor.holder(repository);
    for (Place& place : places) {
      if (place.name() == name) place.leave(name);
    }
  }
  for (const Place& place : places) {
    if (!place.status().ok()) return failure(error_of(place.status(), "scan the catalog"));
  }
  return {};
}

}  // namespace

Result<size_t> CatalogHolders::next(std::string& position, size_t limit, const Malformed& malformed,
                                    Visitor& visitor) const {
  size_t seen = 0;
  const auto walk = [&](const auto& iterator) -> Result<> {
    std::array<Place, 3> places = {Place(iterator()), Place(iterator()), Place(iterator())};
    const auto at = iterator();
    // Behind a key comes whatever begins with it, or a greater one; '\0' is the least that follows.
    at->Seek(position.empty() ? kBlobs : position + '\0');
    for (; seen < limit && at->Valid() && at->key().starts_with(kBlobs); at->Next(), ++seen) {
      position = at->key().ToString();
      KeyReader in(position, 1);
      const Digest digest = in.digest();
      if (in.failed()) return malformed_key();
      auto record = decode<BlobRecord>(view(at->value()));
      if (!record) {
        malformed({record.error().kind, digest.text() + ": " + record.error().message, 0});
        continue;
      }
      visitor.blob({digest, *std::move(record)});
      places[0].go_to(link_prefix(digest));
      places[1].go_to(edge_prefix(digest));
      places[2].go_to(manifest_of_prefix(digest));
      if (auto told = tell_holders(places, visitor); !told) return told;
    }
    if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
    return {};
  };
  if (auto walked = database_.side_by_side(walk); !walked) return failure(walked.error());
  return seen;
}

}  // namespace breakwater::store
