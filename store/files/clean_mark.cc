#include "store/files/clean_mark.h"

namespace breakwater::store {
namespace {

constexpr char kName[] = "clean";

}  // namespace

Result<bool> CleanMark::take() {
  const auto removed = disk_.remove(data_ / kName);
  if (!removed && removed.error().kind == Error::Kind::not_found) return false;
  if (!removed) return failure(removed.error());
  if (auto synced = disk_.sync_directory(data_); !synced) return failure(synced.error());
  return true;
}

Result<> CleanMark::make() {
  const auto mark = disk_.open_for_writing(data_ / kName);
  return mark ? disk_.sync_directory(data_) : failure(mark.error());
}

}  // namespace breakwater::store
