#include "routes/ops/reasons.h"

#include <utility>
#include <vector>

#include "routes/oci/oci_path.h"
#include "routes/ops/explanations.h"
#include "routes/ops/gc_plan.h"
#include "routes/ops/words.h"
#include "store/catalog/store_clock.h"
#include "store/upkeep/explaining.h"

namespace breakwater::routes {
namespace {

// A list of what was found, as far as it is seen: nothing of a digest that no repository has which is.
Json list_of(store::Why why, const Sight& sight) {
  auto list = Json::array();
  std::erase_if(why.repositories, [&sight](const store::Why::InRepository& in) {
    return !sight.sees(in.repository.route, in.repository.repository);
  });
  if (sight.is_of_all() || !why.repositories.empty()) list.push_back(json_of(why));
  return list;
}

Json list_of(std::vector<store::WhyTag> tags, const Sight& sight) {
  auto list = Json::array();
  for (auto& tag : tags) {
    if (!sight.sees(tag.repository.route, tag.repository.repository)) continue;
    std::erase_if(tag.why.repositories, [&sight](const store::Why::InRepository& in) {
      return !sight.sees(in.repository.route, in.repository.repository);
    });
    list.push_back(json_of(tag));
  }
  return list;
}

tl::unexpected<Error> not_here(const std::string& what) {
  return failure(Error::Kind::not_found,
                 what + " is not here: nobody has pulled or pushed it, or it has gone");
}

// Of every route that has a tag of this name.
Result<Json> of_plain_name(const StoreSide& side, const std::string& of) {
  const size_t colon = of.rfind(':');
  const std::string name = of.substr(0, colon);
  if (colon == std::string::npos || !is_oci_name(name) || !is_oci_tag(of.substr(colon + 1)))
    return failure(Error::Kind::invalid, "no name and tag");
  auto tags = store::why(side.store.parts(), name, of.substr(colon + 1));
  if (!tags) return failure(tags.error());
  auto list = list_of(*std::move(tags), side.sight);
  if (list.empty()) return not_here(of);
  return list;
}

Result<Json> of_digest(const StoreSide& side, const std::string& name, const store::Digest& digest) {
  auto why = store::why(side.store.parts(), digest);
  if (!why) return failure(why.error());
  auto list = list_of(*std::move(why), side.sight);
  if (list.empty()) return not_here(name);
  return list;
}

Result<Json> of_image(const StoreSide& side, const std::string& of) {
  const auto image = parse_image_name(of, side.directory);
  if (!image) return failure(image.error());
  if (image->digest) {
    return of_digest(side, image->text(), *image->digest);
  }
  if (image->tag.empty())
    return failure(Error::Kind::invalid,
                   "\"" + of + "\" names no tag: write " + image->text() + ":TAG, or a digest");
  auto tags = store::why(side.store.parts(), image->repository, image->tag);
  if (tags)
    std::erase_if(*tags, [&image](const store::WhyTag& one) { return one.repository.route != image->route; });
  if (!tags && tags.error().kind != Error::Kind::not_found) return failure(tags.error());
  auto list = tags ? list_of(*std::move(tags), side.sight) : Json::array();
  if (list.empty()) return not_here(image->text());
  return list;
}

Result<Json> found_about(const StoreSide& side, const std::string& of) {
  if (const auto digest = store::Digest::parse(of)) {
    return of_digest(side, of, *digest);
  } else if (of.starts_with("sha256:") || of.starts_with("sha512:")) {
    return failure(digest.error());
  }
  auto plain = of_plain_name(side, of);
  const bool is_known =
      plain || (plain.error().kind != Error::Kind::not_found && plain.error().kind != Error::Kind::invalid);
  return is_known ? std::move(plain) : of_image(side, of);
}

// "now: private/team/app:v1 (not among the last 3, pushed 12 days ago), 20 MiB with the 7 below it"
std::string plan_lines(const Json& item) {
  std::string line = text_of(item, "when");
  if (line == "later") line = "after " + text_of(item, "at");
  if (line == "if room is needed" && item.contains("at")) line += " after " + text_of(item, "at");
  const auto kind = text_of(item, "kind");
  line += ": " + (kind == "tag" ? "" : kind + " ") + text_of(item, "what") + " (" + text_of(item, "why") +
          "), " + bytes_words(item["bytes"]);
  const auto under = item.value("under_total", uint64_t{0});
  if (under > 0) line += " with the " + std::to_string(under) + " below it";
  if (item.contains("age_s")) line += ", " + duration_words(item["age_s"]) + " old";
  line += "\n";
  if (under == 0) return line;
  for (const auto& thing : item["under"])
    line += "  with it the " + text_of(thing, "kind") + " " + text_of(thing, "digest") + ", " +
            bytes_words(thing["bytes"]) + "\n";
  return line;
}

}  // namespace

Result<Json> why(const StoreSide& side, const Arguments& arguments) {
  const auto& of = arguments.word("of");
  auto found = found_about(side, of);
  if (!found) return failure(found.error());
  Json json;
  json["of"] = of;
  json["found"] = *std::move(found);
  return json;
}

std::string why_words(const Json& answer) {
  std::string text;
  for (const auto& told : answer["found"]) {
    for (const auto& line : lines_of(told)) text += line + "\n";
  }
  return text;
}

Result<Json> plan(const StoreSide& side, const Arguments&) {
  const auto planned = side.store.plan(side.stop);
  if (!planned) return failure(planned.error());
  return json_of(*planned, side.store.clock().wall());
}

std::string plan_words(const Json& answer) {
  if (answer["items"].empty()) return "nothing would go\n";
  std::string text;
  for (const auto& item : answer["items"]) text += plan_lines(item);
  Columns totals({"REASON", "WHEN", ">THINGS", ">BYTES"});
  for (const auto& total : answer["totals"])
    totals.add({text_of(total, "reason"), text_of(total, "when"),
                std::to_string(total["items"].get<uint64_t>()), bytes_words(total["bytes"])});
  return text + "\n" + totals.text() + (answer.value("more", false) ? "and more\n" : "");
}

}  // namespace breakwater::routes
