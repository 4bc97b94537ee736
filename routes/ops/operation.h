// What can be asked of Breakwater and done to it. One table (operations.h) says it for all faces: the control
// socket and the admin API ask by HTTP, the command line by verbs, and its help, manual and completions are
// made of the same.
//
//   ask   breakwater du --by repository     GET  /api/v1/usage?by=repository
//   act   breakwater rm team/app:1 --yes    POST /api/v1/remove   {"image": "team/app:1"}
//
// An act with `dry_run` says what it would do, in the same words, and does nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "proxy/loop/task.h"
#include "routes/access/sight.h"
#include "routes/ops/image_name.h"
#include "routes/ops/progress.h"
#include "store/base/clock.h"
#include "store/base/result.h"
#include "store/history/event_queue.h"
#include "store/store.h"
#include "store/upkeep/removal.h"

namespace breakwater::routes {

using Json = nlohmann::ordered_json;

// One value that an operation takes: a key of the query or of the JSON body, and an option of the verb.
struct Parameter {
  enum class Kind : uint8_t {
    word,   // one value
    words,  // any number of values
    flag    // true or false
  };
  std::string_view name;        // "dry_run", which is --dry-run
  std::string_view shape = {};  // what it is, for help: "IMAGE"; "" for a flag
  std::string_view help = {};
  Kind kind = Kind::word;
  bool is_place = false;  // it stands on the command line by its place, without its name
  bool is_required = false;
};

// The values that were given, by the parameter's name. A flag that was given is "true".
class Arguments {
 public:
  void add(std::string_view name, std::string value) {
    values_[std::string(name)].push_back(std::move(value));
  }

  // "" if it was not given; the first of several.
  const std::string& word(std::string_view name) const;
  const std::vector<std::string>& words(std::string_view name) const;
  bool flag(std::string_view name) const { return word(name) == "true"; }
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  const auto& all() const { return values_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// Files of whoever asks: lent to the process that serves, or this process's own to reach.
struct CallersFiles {
  store::Disk& disk;
  bool is_lent = false;
  // Told what is found on the way, a line each; may be empty.
  std::function<void(const std::string& line)> say;
};

// What an operation on the store works with, in the process that serves it and in a verb that has opened the
// folder itself. May block.
struct StoreSide {
  store::Store& store;
  const RouteDirectory& directory;
  Progress& progress;
  // Told of each manifest of a mirror that is gone, so that nobody has it in memory.
  store::ManifestGone gone;
  std::stop_token stop;
  store::EventQueue& events;            // where what it does is told
  const CallersFiles* files = nullptr;  // if the operation uses such, and whoever asks has them
  // Whether registries take nothing, because their operator said so; at any time. Empty if nobody serves.
  std::function<bool()> is_read_only = {};
  std::string who = {};  // asks, as the audit log has it: a name, an address, "uid 0"
  Sight sight = {};      // of whoever asks
};

// What only the process that serves can be asked: conf/ has it. All of it belongs to the loop's thread.
class ServerSide;

struct Operation {
  enum class Effect : uint8_t { ask, act };
  enum class Takes : uint8_t { moment, minutes, hours };
  std::string_view verb;     // on the command line: "du"
  std::string_view path;     // below /api/v1/: "usage"
  std::string_view summary;  // a sentence without its full stop, for help and manual
  Effect effect = Effect::ask;
  Takes takes = Takes::moment;
  std::span<const Parameter> parameters = {};
  // Of an act that cannot be undone: the parameter whose value has to be typed before it is done.
  std::string_view typed = {};
  // What it does with a folder of whoever asks, its parameter whose shape is "DIR". They may give kLender
  // beside its own parameters, the name of the socket by which they lend it (proxy/server/disk_lender.h).
  enum class Files : uint8_t { none, read, written };
  Files files = Files::none;
  // What an answer tells of repositories to a caller of the network who does not see all of them
  // (access/sight.h). Over the control socket everything is seen.
  enum class Tells : uint8_t {
    unsaid,         // a mistake; it is treated as what is whole
    nothing,        // of no repository: it is for whoever may look, or act
    what_is_seen,   // the operation leaves out what he does not see, as if it were not there
    whole,          // it makes no sense in part: who does not see everything is refused
    administrators  // it is of no repository, and for who may administer, also to ask
  };
  Tells tells = Tells::unsaid;
  // It names folders of this machine: only its own socket is asked for it, no network.
  bool is_of_machine = false;
  // What no parameter tells alone; null if there is nothing.
  Result<> (*check)(const Arguments&) = nullptr;
  // Of the configuration alone; or of the process that serves; or on the store, which also works when nobody
  // serves the folder. What has both of the last two asks the process if there is one.
  Result<Json> (*of_directory)(const RouteDirectory&, const Arguments&) = nullptr;
  Result<Json> (*of_store)(const StoreSide&, const Arguments&) = nullptr;
  proxy::Task<Result<Json>> (*of_server)(ServerSide&, Arguments, std::shared_ptr<Progress>, Sight) = nullptr;
  // Its answer for people, with line ends.
  std::string (*words)(const Json&) = nullptr;

  std::string_view method() const { return effect == Effect::ask ? "GET" : "POST"; }
};

// The number that an argument is, from `least` to `most`; `absent` if it was not given. The error is
// `invalid`.
[[nodiscard]] Result<uint64_t> number_of(const Arguments& arguments, std::string_view name, uint64_t absent,
                                         uint64_t least, uint64_t most);

// The time that an argument is: "90m", "24h", "7d". Nothing if it was not given. The error is `invalid`.
[[nodiscard]] Result<std::optional<store::Time::duration>> span_of(const Arguments& arguments,
                                                                   std::string_view name);

// The text of that name in an answer; "" if there is none.
std::string text_of(const Json& json, const char* key);

// The parameter by which files are lent.
inline constexpr std::string_view kLender = "lender";

// Whether `given` are what the operation takes. An act takes `dry_run` beside its own parameters, and what
// uses files kLender. The error is `invalid` and names the parameter.
[[nodiscard]] Result<> check(const Arguments& given, const Operation& operation);

}  // namespace breakwater::routes
