#include "routes/transfer/import_report.h"

namespace breakwater::routes {
namespace {

std::string line(const char* what, std::initializer_list<std::pair<uint64_t, const char*>> counts) {
  std::string text = what;
  const char* separator = ": ";
  for (const auto& [count, name] : counts) {
    text += separator + std::to_string(count) + " " + name;
    separator = ", ";
  }
  return text + "\n";
}

}  // namespace

const char* name_of(Damage damage) {
  switch (damage) {
    case Damage::empty_blob: return "empty blob";
    case Damage::short_blob: return "short blob";
    case Damage::corrupt_blob: return "corrupt blob";
    case Damage::missing_blob: return "missing blob";
    case Damage::missing_link: return "missing link";
    case Damage::missing_child: return "missing index child";
    case Damage::unreadable: return "unreadable";
    case Damage::orphan_upload: break;
  }
  return "orphan upload";
}

void ImportReport::damaged(Damage damage, const std::string& where, const std::string& why) {
  if (!told_.emplace(damage, where).second) return;
  ++damages_[damage];
  say_(std::string(name_of(damage)) + ": " + where + (why.empty() ? "" : ": " + why));
}

void ImportReport::lost(Damage damage, const std::string& where, const std::string& why) {
  if (!told_.contains({damage, where})) ++left_out_;
  damaged(damage, where, why);
}

void ImportReport::skipped(const std::string& image, const std::string& why) {
  ++left_out_;
  say_("skipped: " + image + ": " + why);
}

void ImportReport::no_room(uint64_t bytes) {
  ++left_out_;
  ++counts.no_room;
  counts.no_room_bytes += bytes;
}

void ImportReport::kept(const std::string& image) {
  ++counts.tags_kept;
  say_("kept: " + image + ": the tag here was set later");
}

void ImportReport::named(const std::string& image, const store::Digest& digest) {
  say_("named: " + image + ": the layout gives " + digest.text() + " no name");
}

bool ImportReport::is_empty() const {
  return counts.tags + counts.tags_here + counts.tags_kept + counts.tags_mended + counts.manifests +
             counts.manifests_here ==
         0;
}

uint64_t ImportReport::count(Damage damage) const {
  const auto found = damages_.find(damage);
  return found == damages_.end() ? 0 : found->second;
}

std::string ImportReport::summary() const {
  const Counts& c = counts;
  std::string text = line("taken over", {{c.tags, "tags"},
                                         {c.manifests, "manifests"},
                                         {c.referrers, "referrers"},
                                         {c.blobs_linked, "blobs linked"},
                                         {c.blobs_copied, "blobs copied"}});
  text +=
      line("here already",
           {{c.tags_here, "tags"}, {c.blobs_here, "blobs"}, {c.tags_kept, "tags that were set later here"}});
  if (c.tags_mended > 0)
    text += line("mended", {{c.tags_mended, "tags of whose images something was gone here"}});
  text += line("left behind", {{c.tags_skipped, "tags that are not whole"},
                               {c.untagged, "untagged manifests"},
                               {c.blobs_unreferenced, "blobs that nothing taken over needs"}});
  if (c.no_room > 0)
    text += line("no room", {{c.no_room, "manifests and blobs"}, {c.no_room_bytes, "bytes of them"}});
  if (c.tags_ageless > 0)
    text += line("not moved", {{c.tags_ageless, "tags of unknown age, whose names are other images' here"}});
  if (c.by_digest > 0)
    text += line("without a tag", {{c.by_digest, "manifests, which stay for as long as untagged ones do"}});
  if (is_empty()) text += "nothing was taken over; ";
  text += "left out: " + (left_out_ == 0 ? "nothing" : std::to_string(left_out_));
  if (damages_.empty()) return text + "; damaged: nothing\n";
  const char* separator = "; damaged: ";
  for (const auto& [damage, count] : damages_) {
    text += separator + std::to_string(count) + " " + name_of(damage);
    separator = ", ";
  }
  return text + "\n";
}

}  // namespace breakwater::routes
