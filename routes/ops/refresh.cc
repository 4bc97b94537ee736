#include "routes/ops/refresh.h"

#include <utility>

#include "routes/ops/shown.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {
namespace {

Result<ImageName> tag_of_mirror(const std::string& text, const RouteDirectory& directory) {
  auto name = parse_image_name(text, directory);
  if (!name) return name;
  if (name->digest) return failure(Error::Kind::invalid, "a digest names the same for ever: name a tag");
  if (name->tag.empty()) name->tag = "latest";
  return name;
}

}  // namespace

proxy::Task<Result<Json>> refresh(ServerSide& server, Arguments arguments, std::shared_ptr<Progress>,
                                  Sight sight) {
  const auto name = tag_of_mirror(arguments.word("image"), server.directory());
  if (!name) co_return failure(name.error());
  if (auto seen = check_seen(sight, *name); !seen) co_return failure(seen.error());
  const auto of = server.answering(*name);
  if (of.mirror == nullptr)
    co_return failure(Error::Kind::invalid, name->route + " is no mirror: its tags are as they were pushed");
  const store::RepositoryKey key(name->route, name->repository);
  auto job = [&store = server.store(), key, tag = name->tag] {
    return store.catalog().tag(key, tag, store::Reach::disk);
  };
  auto before = co_await server.workers().run(std::move(job));
  if (!before) co_return failure(before.error());
  Json json;
  json["image"] = name->text();
  if (*before) json["before"] = (*before)->digest.text();
  if (arguments.flag("dry_run")) {
    json["dry_run"] = true;
    co_return json;
  }
  auto now = co_await of.mirror->move_now(name->repository, name->tag);
  if (!now) co_return failure(now.error());
  json["digest"] = now->digest.text();
  json["changed"] = !*before || (*before)->digest != now->digest;
  co_return json;
}

std::string refresh_words(const Json& answer) {
  const auto image = answer["image"].get<std::string>();
  const auto before = answer.value("before", std::string());
  if (answer.contains("dry_run"))
    return image + (before.empty() ? " is not known here" : " names " + before) +
           ": upstream would be asked\n";
  const auto digest = answer["digest"].get<std::string>();
  if (!answer["changed"].get<bool>()) return image + " still names " + digest + "\n";
  return image + " names " + digest + (before.empty() ? "" : ", and named " + before) + "\n";
}

}  // namespace breakwater::routes
