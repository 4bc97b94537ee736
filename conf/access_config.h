// Reads who may do what, and who somebody is: the keys "allow…", "access", "require_signature", "users" and
// "oidc". Mistakes are recorded in the JsonObject, as it does itself.
#pragma once

#include <string_view>

#include "conf/config.h"
#include "conf/json_object.h"
#include "routes/access/access.h"

namespace breakwater::conf {

void read_networks(JsonObject& object, std::string_view key, routes::Networks& networks);

// "users" and "oidc" of the whole configuration. Before the rules, which name what these have.
void read_who_may_log_in(JsonObject& object, Config& config);

// "access" of a route, whose kind has been read.
void read_access(JsonObject& object, const Config& config, RouteConfig& route);

// "access" of the page, whose other keys have been read. `pull` of a rule is to look.
void read_access(JsonObject& object, const Config& config, AdminConfig& admin);

// "require_signature" of a route, whose kind has been read; its keys are read here, once.
void read_require_signature(JsonObject& object, RouteConfig& route);

// Lower-case letters, digits, - and _: a name of a route or a group.
bool is_plain_name(std::string_view text);

}  // namespace breakwater::conf
