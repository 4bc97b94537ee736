#include "routes/ops/operations.h"

#include <algorithm>
#include <array>
#include <utility>

#include "routes/ops/changing.h"
#include "routes/ops/client_config.h"
#include "routes/ops/fetch.h"
#include "routes/ops/finding_verbs.h"
#include "routes/ops/folder.h"
#include "routes/ops/image_verbs.h"
#include "routes/ops/parameters.h"
#include "routes/ops/past_verbs.h"
#include "routes/ops/reasons.h"
#include "routes/ops/refresh.h"
#include "routes/ops/server_side.h"
#include "routes/ops/shown.h"
#include "routes/ops/status.h"
#include "routes/ops/token_verbs.h"
#include "routes/ops/transfers.h"
#include "routes/ops/usage_verb.h"

namespace breakwater::routes {
namespace {

using Effect = Operation::Effect;
using Takes = Operation::Takes;
using Tells = Operation::Tells;

proxy::Task<Result<Json>> status(ServerSide& server, Arguments, std::shared_ptr<Progress>, Sight sight) {
  auto state = server.state();
  leave_out_unseen(state, sight);
  co_return status_json(state);
}

const std::array kOperations = {
    Operation{.verb = "status",
              .path = "status",
              .summary = "Say how it is: routes, upstreams, room, downloads, and what needs attention",
              .tells = Tells::what_is_seen,
              .of_server = status,
              .words = status_words},
    Operation{.verb = "ls",
              .path = "images",
              .summary = "List routes, repositories or tags, or show one image with all that it needs",
              .parameters = kImages,
              .tells = Tells::what_is_seen,
              .of_store = list_images,
              .words = images_words},
    Operation{.verb = "search",
              .path = "search",
              .summary = "Find repositories and tags of all routes by parts of their names",
              .parameters = kSearch,
              .tells = Tells::what_is_seen,
              .of_store = search_images,
              .words = search_words},
    Operation{.verb = "inspect",
              .path = "document",
              .summary = "Say what an image's manifest and config say, and how its layers came to be",
              .parameters = kInspect,
              .tells = Tells::what_is_seen,
              .of_store = inspect_image,
              .words = document_words},
    Operation{.verb = "du",
              .path = "usage",
              .summary = "Say what fills the disk, to the byte, and what deleting it would free",
              .takes = Takes::minutes,
              .parameters = kUsage,
              .tells = Tells::what_is_seen,
              .of_store = du,
              .words = du_words},
    Operation{.verb = "why",
              .path = "why",
              .summary = "Say what keeps something, up to the tags that need it",
              .parameters = kWhy,
              .tells = Tells::what_is_seen,
              .of_store = why,
              .words = why_words},
    Operation{
        .verb = "gc",
        .path = "plan",
        .summary =
            "Say what would go next, when, why, and what goes along; collecting itself goes on all the time",
        .takes = Takes::minutes,
        .tells = Tells::whole,
        .of_store = plan,
        .words = plan_words},
    Operation{.verb = "uploads",
              .path = "uploads",
              .summary = "List the uploads that are open or broken off",
              .tells = Tells::what_is_seen,
              .of_store = list_uploads,
              .words = uploads_words},
    Operation{.verb = "pins",
              .path = "pins",
              .summary = "List what is pinned",
              .tells = Tells::what_is_seen,
              .of_store = list_pins,
              .words = pins_words},
    Operation{.verb = "token list",
              .path = "tokens",
              .summary = "List the access tokens: what each may, until when, and when it was used last",
              .tells = Tells::administrators,
              .of_store = list_tokens,
              .words = tokens_words},
    Operation{.verb = "saved",
              .path = "savings",
              .summary = "Say what the mirrors have saved, by route, and who asks for most",
              .parameters = kSaved,
              .tells = Tells::what_is_seen,
              .of_store = saved_of_store,
              .of_server = saved,
              .words = saved_words},
    Operation{.verb = "log",
              .path = "requests",
              .summary = "Show the last requests, each with what came of it and why",
              .parameters = kLog,
              .tells = Tells::what_is_seen,
              .of_server = log,
              .words = log_words},
    Operation{.verb = "cache",
              .path = "caches",
              .summary = "Say of the builds' caches how large and old they are, and what each export brought",
              .parameters = kCache,
              .tells = Tells::what_is_seen,
              .of_store = cache,
              .words = cache_words},
    Operation{.verb = "client-config",
              .path = "client-config",
              .summary = "Print the files that make a client pull through here",
              .parameters = kClientConfig,
              .tells = Tells::nothing,
              .of_directory = client_config,
              .words = client_config_words},
    Operation{.verb = "fetch",
              .path = "fetch",
              .summary = "Fetch images of mirrors beforehand, so that their first pull asks nobody upstream",
              .effect = Effect::act,
              .takes = Takes::minutes,
              .parameters = kFetch,
              .tells = Tells::what_is_seen,
              .of_server = fetch,
              .words = fetch_words},
    Operation{.verb = "refresh",
              .path = "refresh",
              .summary = "Ask upstream now what a tag of a mirror names, whatever its age",
              .effect = Effect::act,
              .parameters = kRefresh,
              .tells = Tells::what_is_seen,
              .of_server = refresh,
              .words = refresh_words},
    Operation{.verb = "pin",
              .path = "pin",
              .summary = "Keep images whatever room is needed",
              .effect = Effect::act,
              .parameters = kWhat,
              .tells = Tells::what_is_seen,
              .of_store = pin_images,
              .words = pin_words},
    Operation{.verb = "unpin",
              .path = "unpin",
              .summary = "Let go of what was pinned",
              .effect = Effect::act,
              .parameters = kWhat,
              .tells = Tells::what_is_seen,
              .of_store = unpin_images,
              .words = pin_words},
    Operation{.verb = "token create",
              .path = "create-token",
              .summary = "Make an access token for a machine; it is shown this once",
              .effect = Effect::act,
              .parameters = kTokenCreate,
              .tells = Tells::administrators,
              .of_store = create_token,
              .words = token_created_words},
    Operation{.verb = "token revoke",
              .path = "revoke-token",
              .summary = "Refuse an access token from now on",
              .effect = Effect::act,
              .parameters = kTokenRevoke,
              .tells = Tells::administrators,
              .of_store = revoke_token,
              .words = token_revoked_words},
    Operation{.verb = "purge",
              .path = "purge",
              .summary = "Drop what a mirror has, so that it is fetched anew the next time",
              .effect = Effect::act,
              .takes = Takes::minutes,
              .parameters = kWhat,
              .tells = Tells::what_is_seen,
              .of_store = purge_images,
              .words = removal_words},
    Operation{.verb = "rm",
              .path = "remove",
              .summary = "Delete images of a registry; what clients were told of stays for its lease",
              .effect = Effect::act,
              .takes = Takes::minutes,
              .parameters = kWhat,
              .tells = Tells::what_is_seen,
              .of_store = remove_images,
              .words = removal_words},
    Operation{.verb = "abort-upload",
              .path = "abort-upload",
              .summary = "Abort an upload that is broken off, and give its room back",
              .effect = Effect::act,
              .parameters = kUpload,
              .tells = Tells::what_is_seen,
              .of_store = abort_one_upload,
              .words = abort_words},
    Operation{
        .verb = "reload",
        .path = "reload",
        .summary = "Read the configuration anew and change to it; what is wrong with it changes nothing",
        .effect = Effect::act,
        .tells = Tells::administrators,
        .of_server = reload,
        .words = reload_words},
    Operation{.verb = "read-only",
              .path = "read-only",
              .summary = "Let registries refuse pushes and deletes, or take them again",
              .effect = Effect::act,
              .parameters = kState,
              .tells = Tells::administrators,
              .of_server = read_only,
              .words = read_only_words},
    Operation{.verb = "drain",
              .path = "drain",
              .summary = "Let /readyz say 503, so that a load balancer sends nobody; or no more",
              .effect = Effect::act,
              .parameters = kState,
              .tells = Tells::administrators,
              .of_server = drain,
              .words = drain_words},
    Operation{
        .verb = "import",
        .path = "import",
        .summary = "Take over what another registry or another tool has stored, also while it is served",
        .effect = Effect::act,
        .takes = Takes::hours,
        .parameters = kImport,
        .files = Operation::Files::read,
        .tells = Tells::whole,
        .is_of_machine = true,
        .check = check_import,
        .of_store = import_images,
        .words = transfer_words},
    Operation{.verb = "export",
              .path = "export",
              .summary = "Write repositories as OCI image layouts, also while it is served",
              .effect = Effect::act,
              .takes = Takes::hours,
              .parameters = kExport,
              .files = Operation::Files::written,
              .tells = Tells::whole,
              .is_of_machine = true,
              .of_store = export_images,
              .words = transfer_words},
    Operation{.verb = "backup",
              .path = "backup",
              .summary = "Write a copy of the data folder, also while it is served",
              .effect = Effect::act,
              .takes = Takes::minutes,
              .parameters = kBackup,
              .tells = Tells::whole,
              .is_of_machine = true,
              .of_store = back_up,
              .words = backup_words},
    Operation{.verb = "forget-route",
              .path = "forget-route",
              .summary = "Delete all that a route has left which is not configured any more, and give its "
                         "room back",
              .effect = Effect::act,
              .takes = Takes::minutes,
              .parameters = kForgetRoute,
              .typed = "route",
              .tells = Tells::whole,
              .of_store = forget_route,
              .words = forget_route_words},
};

}  // namespace

std::span<const Operation> operations() { return kOperations; }

const Operation* operation_at(std::string_view path, std::string_view method) {
  const auto found = std::find_if(kOperations.begin(), kOperations.end(), [&](const Operation& one) {
    return one.path == path && one.method() == method;
  });
  return found == kOperations.end() ? nullptr : &*found;
}

const Operation* operation_of(std::string_view verb) {
  const auto found = std::find_if(kOperations.begin(), kOperations.end(),
                                  [verb](const Operation& one) { return one.verb == verb; });
  return found == kOperations.end() ? nullptr : &*found;
}

}  // namespace breakwater::routes
