#include "routes/ops/status.h"

#include <utility>

#include "routes/oci/date_text.h"
#include "routes/ops/status_rows.h"
#include "routes/ops/words.h"

namespace breakwater::routes {
namespace {

// A registry that is so full refuses the next large layer.
constexpr double kFull = 0.98;

bool is_full(const store::Budget::Use& use) {
  return use.bytes_max != store::Budget::kUnbounded &&
         static_cast<double>(use.taken()) >= kFull * static_cast<double>(use.bytes_max);
}

struct Problem {
  std::string route;  // "" for the whole
  std::string what;
  std::string remedy;
};

void add_problems_of(std::vector<Problem>& problems, const ServerState::Route& route, store::Time now) {
  const std::string& name = route.name;
  if (route.broken > 0)
    problems.push_back({name, count_words(route.broken, "thing is", "things are") + " broken in " + name,
                        "the log names them and their tags (integrity_broken); push them again"});
  for (const auto& upstream : route.upstreams) {
    const auto state = state_of(upstream.stats, now);
    if (state == "refuses_credentials") {
      problems.push_back({name, upstream.url + " refuses the credentials of " + name,
                          "check username and password_file of the route; public images go on meanwhile"});
    } else if (state == "throttled") {
      problems.push_back({name,
                          upstream.url + " limits us until " + date_text(upstream.stats.throttled_until),
                          "what is cached goes on; credentials of a paid account raise the limit"});
    } else if (state == "unreachable") {
      problems.push_back({name, upstream.url + " cannot be reached",
                          "what is cached goes on; see DNS, firewall and its own status page"});
    }
  }
  if (route.kind == RouteDirectory::Kind::registry && is_full(route.use))
    problems.push_back(
        {name,
         name + " is full: " + bytes_words(route.use.taken()) + " of " + bytes_words(route.use.bytes_max),
         "raise its bytes_max, or delete tags (breakwater du " + name + ")"});
}

std::vector<Problem> problems_of(const ServerState& state) {
  std::vector<Problem> problems;
  if (!state.trouble.empty()) problems.push_back({"", "Not ready: " + state.trouble, "see the log"});
  if (state.is_draining) problems.push_back({"", "It is draining", "it ends when what runs has ended"});
  if (state.is_read_only) problems.push_back({"", "It is read-only", "breakwater read-only off"});
  for (const auto& route : state.routes) add_problems_of(problems, route, state.now);
  for (const auto& webhook : state.webhooks) {
    if (!webhook.is_well)
      problems.push_back({"",
                          "the webhook " + webhook.endpoint + " takes nothing since " +
                              date_text(webhook.failing_since) + ": " + webhook.error,
                          "its events wait and are tried again; see who answers there"});
  }
  if (state.left_bytes > 0)
    problems.push_back({"", bytes_words(state.left_bytes) + " belong to routes that are not configured",
                        "breakwater forget-route gives them back"});
  return problems;
}

std::string sentence_of(const ServerState& state, const std::vector<Problem>& problems) {
  uint64_t uploads = 0;
  for (const auto& route : state.routes) uploads += route.uploads_open;
  std::string counts = count_words(state.routes.size(), "route", "routes");
  if (state.fills_count > 0) counts += ", " + count_words(state.fills_count, "download", "downloads");
  if (uploads > 0) counts += ", " + count_words(uploads, "upload", "uploads");
  if (problems.empty()) return "All calm: " + counts + ".";
  std::string sentence = problems.front().what + "; " + problems.front().remedy + ".";
  if (problems.size() > 1) sentence += " And " + std::to_string(problems.size() - 1) + " more.";
  return sentence;
}

Json pass_of(const ServerState& state) {
  const auto all = state.whole.stored;
  return {{"bytes", static_cast<uint64_t>(*state.pass_share * static_cast<double>(all))},
          {"bytes_total", all}};
}

std::string of_bound(const Json& json) {
  std::string text = bytes_words(json["bytes"].get<uint64_t>() + json["reserved_bytes"].get<uint64_t>());
  if (json.contains("bytes_max")) text += " of " + bytes_words(json["bytes_max"].get<uint64_t>());
  return text;
}

std::string upstreams_words(const Json& route) {
  std::string text;
  for (const auto& upstream : route["upstreams"]) {
    text += text.empty() ? "" : ", ";
    text += upstream["state"].get<std::string>();
    if (upstream.contains("pulls_left"))
      text += " (" + std::to_string(upstream["pulls_left"].get<int64_t>()) + " pulls left)";
  }
  return text;
}

std::string joined(const Json& list) {
  std::string text;
  for (const auto& one : list) text += (text.empty() ? "" : ", ") + one.get<std::string>();
  return text;
}

std::string downloads_words(const Json& downloads) {
  if (downloads.empty()) return "";
  Columns columns({"DOWNLOAD", "ROUTE", ">BYTES", ">OF", ">READERS", "STATE"});
  for (const auto& one : downloads) {
    columns.add({one["repository"].get<std::string>() + "@" + one["digest"].get<std::string>().substr(0, 19),
                 one["route"], bytes_words(one["bytes"]),
                 one.contains("size") ? bytes_words(one["size"]) : "?",
                 std::to_string(one["readers"].get<uint64_t>()), one["state"]});
  }
  return "\n" + columns.text();
}

}  // namespace

Json status_head(const ServerState& state) {
  const auto problems = problems_of(state);
  Json json;
  json["sentence"] = sentence_of(state, problems);
  json["well"] = problems.empty();
  json["problems"] = Json::array();
  for (const auto& problem : problems) {
    Json one;
    if (!problem.route.empty()) one["route"] = problem.route;
    one["what"] = problem.what;
    one["do"] = problem.remedy;
    json["problems"].push_back(std::move(one));
  }
  return json;
}

Json status_json(const ServerState& state) {
  Json json = status_head(state);
  json["version"] = state.version;
  json["folder"] = state.folder;
  json["started_at"] = date_text(state.started_at);
  json["uptime_s"] = seconds_between(state.started_at, state.now);
  json["ready"] = state.trouble.empty() && !state.is_draining;
  json["draining"] = state.is_draining;
  json["read_only"] = state.is_read_only;
  json["warnings"] = state.warnings;
  json["routes"] = Json::array();
  uint64_t broken = 0;
  for (const auto& route : state.routes) {
    json["routes"].push_back(json_of(route, state.now));
    broken += route.broken;
  }
  add_use(json["store"], state.whole);
  json["store"]["unconfigured_bytes"] = state.left_bytes;
  if (state.disk) json["disk"] = {{"bytes", state.disk->total}, {"free_bytes", state.disk->available}};
  json["buffers"] = {{"bytes", state.buffer_bytes}, {"bytes_max", state.buffer_bytes_max}};
  json["downloads_count"] = state.fills_count;
  json["downloads"] = Json::array();
  for (const auto& fill : state.fills) json["downloads"].push_back(json_of(fill, state.now));
  json["uploads_count"] = state.uploads_count;
  json["uploads"] = Json::array();
  for (const auto& upload : state.uploads) json["uploads"].push_back(json_of(upload));
  json["integrity"]["broken"] = broken;
  if (state.passed_at != store::Time()) json["integrity"]["last_full_pass_at"] = date_text(state.passed_at);
  json["integrity"]["scrubbed_bytes"] = state.scrubbed_bytes;
  if (state.pass_share) json["integrity"]["pass"] = pass_of(state);
  json["integrity"]["broken_things"] = Json::array();
  for (const auto& thing : state.broken) json["integrity"]["broken_things"].push_back(json_of(thing));
  json["webhooks"] = Json::array();
  for (const auto& webhook : state.webhooks) json["webhooks"].push_back(json_of(webhook));
  return json;
}

std::string status_words(const Json& status) {
  std::string text = status["sentence"].get<std::string>() + "\n\n";
  Columns columns({"ROUTE", "KIND", "LISTENS ON", ">STORED", ">REQUESTS", "UPSTREAM"});
  for (const auto& route : status["routes"]) {
    columns.add({route["name"],
                 route.contains("registry") ? "mirror of " + route["registry"].get<std::string>()
                                            : route["kind"].get<std::string>(),
                 joined(route["listen"]), of_bound(route), std::to_string(route["requests"].get<uint64_t>()),
                 upstreams_words(route)});
  }
  text += columns.text() + "\n";
  text += "store     " + of_bound(status["store"]) + " in " + status["folder"].get<std::string>() + "\n";
  if (status.contains("disk"))
    text += "disk      " + bytes_words(status["disk"]["free_bytes"]) + " free of " +
            bytes_words(status["disk"]["bytes"]) + "\n";
  const auto& integrity = status["integrity"];
  text += "integrity " + std::to_string(integrity["broken"].get<uint64_t>()) + " broken; " +
          (integrity.contains("last_full_pass_at")
               ? "all was looked at until " + integrity["last_full_pass_at"].get<std::string>()
               : std::string("the first look at everything is under way")) +
          "\n";
  for (const auto& webhook : status["webhooks"])
    text += "webhook   " + webhook["endpoint"].get<std::string>() + ": " +
            webhook["state"].get<std::string>() + ", " + std::to_string(webhook["waiting"].get<uint64_t>()) +
            " waiting\n";
  text += "runs      version " + status["version"].get<std::string>() + ", for " +
          duration_words(status["uptime_s"]) + "\n";
  for (const auto& problem : status["problems"])
    text += "\n! " + problem["what"].get<std::string>() + "\n  " + problem["do"].get<std::string>() + "\n";
  for (const auto& warning : status["warnings"]) text += "\nwarning: " + warning.get<std::string>() + "\n";
  return text + downloads_words(status["downloads"]);
}

}  // namespace breakwater::routes
