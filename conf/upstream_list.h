// Reads where a mirror asks: its upstreams, each with what may be said of it. Mistakes are recorded in the
// JsonObject, as it does itself.
#pragma once

#include <string>
#include <vector>

#include "conf/json_object.h"
#include "proxy/http/url.h"
#include "proxy/upstream/registry_client.h"

namespace breakwater::conf {

// The key "upstream" of a mirror. A URL, whose credentials, token_realms and allow_private are keys of the
// mirror; or a list of 1 to 8 URLs and objects, where the object of an upstream has these keys beside its
// "url". The names of `upstreams` are not set.
void read_upstreams(JsonObject& mirror, std::vector<proxy::RegistryClientSettings>& upstreams);

// What `texts`, which stand under `key` of the object, say: URLs of upstreams, at most 8 and none twice.
// `endpoints` has as many if all are right.
void read_endpoints(JsonObject& object, const std::string& key, const std::vector<std::string>& texts,
                    std::vector<proxy::Endpoint>& endpoints);

}  // namespace breakwater::conf
