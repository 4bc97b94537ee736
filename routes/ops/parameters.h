// What each operation takes (operations.h has the table of these), in the order in which help lists it.
#pragma once

#include "routes/ops/operation.h"

namespace breakwater::routes {

inline constexpr Parameter kUsage[] = {
    {.name = "route",
     .shape = "ROUTE|REPOSITORY",
     .help = "only of this route; by tag, of this repository",
     .is_place = true},
    {.name = "by", .shape = "route|repository|client|tag", .help = "what a row is of: route"},
    {.name = "limit",
     .shape = "ROWS",
     .help = "at most so many rows, those with most bytes: 1000; by tag 100, by name"},
    {.name = "repository", .shape = "NAME", .help = "by tag: of this repository of the route"},
    {.name = "after", .shape = "TAG", .help = "by tag: those behind this one"},
};
inline constexpr Parameter kState[] = {
    {.name = "state", .shape = "on|off", .help = "on or off", .is_place = true, .is_required = true},
};
inline constexpr Parameter kClientConfig[] = {
    {.name = "client",
     .shape = "CLIENT",
     .help = "containerd, docker, buildkit, podman, skopeo, crio, k3s, woodpecker, gitlab or github",
     .is_place = true,
     .is_required = true},
    {.name = "host",
     .shape = "HOST",
     .help = "how the client calls this machine; without, as it calls itself"},
};
inline constexpr Parameter kSaved[] = {
    {.name = "route", .shape = "ROUTE", .help = "only of this one", .is_place = true},
    {.name = "since", .shape = "TIME", .help = "how far back: 90m, 24h, 7d; at most 90d"},
};
inline constexpr Parameter kLog[] = {
    {.name = "client", .shape = "ADDRESS", .help = "only of this client, or of this network"},
    {.name = "image", .shape = "IMAGE", .help = "only of this repository, or of a pattern of such"},
    {.name = "route", .shape = "ROUTE", .help = "only of this one"},
    {.name = "result",
     .shape = "RESULT",
     .help = "only with this one: hit, follow, miss, stale, revalidated, pass, ok, refused, error or left"},
    {.name = "limit", .shape = "COUNT", .help = "at most so many: 100"},
    {.name = "after", .shape = "NUMBER", .help = "only those behind this number"},
    {.name = "before", .shape = "NUMBER", .help = "the last ones before this number"},
    {.name = "wait",
     .help = "wait up to half a minute until there is one behind that number",
     .kind = Parameter::Kind::flag},
    {.name = "follow", .help = "go on with each that comes", .kind = Parameter::Kind::flag},
};
inline constexpr Parameter kCache[] = {
    {.name = "repository",
     .shape = "REPOSITORY",
     .help = "only of this one, with each export that is remembered",
     .is_place = true},
    {.name = "after", .shape = "CACHE", .help = "those behind this one"},
};
inline constexpr Parameter kImages[] = {
    {.name = "of",
     .shape = "ROUTE|REPOSITORY|IMAGE",
     .help = "what of: nothing lists the routes",
     .is_place = true},
    {.name = "limit", .shape = "COUNT", .help = "at most so many: 100"},
    {.name = "after", .shape = "NAME", .help = "those behind this name"},
};
inline constexpr Parameter kSearch[] = {
    {.name = "q",
     .shape = "WORDS",
     .help = "parts of route/repository:tag, in any order and case",
     .kind = Parameter::Kind::words,
     .is_place = true,
     .is_required = true},
    {.name = "limit", .shape = "COUNT", .help = "at most so many: 50"},
    {.name = "after", .shape = "NEXT", .help = "goes on behind an answer before, which says its next"},
};
inline constexpr Parameter kInspect[] = {
    {.name = "of",
     .shape = "IMAGE",
     .help = "an image, by tag or digest",
     .is_place = true,
     .is_required = true},
};
inline constexpr Parameter kWhy[] = {
    {.name = "of",
     .shape = "DIGEST|IMAGE",
     .help = "a digest, or an image",
     .is_place = true,
     .is_required = true},
};
inline constexpr Parameter kWhat[] = {
    {.name = "what",
     .shape = "ROUTE|REPOSITORY|IMAGE",
     .help = "an image, a repository or a route; * stands for any characters",
     .is_place = true,
     .is_required = true},
};
inline constexpr Parameter kTokenCreate[] = {
    {.name = "name",
     .shape = "NAME",
     .help = "what it is called, in lists and in the log",
     .is_place = true,
     .is_required = true},
    {.name = "may", .shape = "ACTIONS", .help = "what it may, of pull,push,delete,sign: pull"},
    {.name = "repositories",
     .shape = "PATTERNS",
     .help = "in which, as their clients call them, such as 'cache/*,team/app': all"},
    {.name = "expires", .shape = "TIME", .help = "after how long: 90m, 24h, 90d, or never: 90d"},
};
inline constexpr Parameter kTokenRevoke[] = {
    {.name = "name", .shape = "NAME", .help = "what it is called", .is_place = true, .is_required = true},
};
inline constexpr Parameter kUpload[] = {
    {.name = "id",
     .shape = "ID",
     .help = "the upload, as uploads lists it",
     .is_place = true,
     .is_required = true},
};
inline constexpr Parameter kBackup[] = {
    {.name = "to",
     .shape = "DIR",
     .help = "the folder that becomes the copy, and is not there yet",
     .is_place = true,
     .is_required = true},
};
inline constexpr Parameter kImport[] = {
    {.name = "from", .shape = "DIR", .help = "the data folder of a docker-registry (registry:2)"},
    {.name = "layout",
     .shape = "DIR",
     .help = "an OCI image layout, then --repository is the name that it gets; or a folder of layouts"},
    {.name = "route",
     .shape = "NAME",
     .help = "the registry that takes it over, or the mirror",
     .is_required = true},
    {.name = "repository",
     .shape = "PATTERN",
     .help = "only these repositories: a pattern of their names, * stands for any characters"},
    {.name = "tag",
     .shape = "TAG",
     .help = "what the one image of a layout is called that has no name there"},
};
inline constexpr Parameter kExport[] = {
    {.name = "to",
     .shape = "DIR",
     .help = "where: a layout for each repository, in the folder of its name",
     .is_required = true},
    {.name = "route", .shape = "NAME", .help = "the route whose repositories they are", .is_required = true},
    {.name = "repository",
     .shape = "PATTERN",
     .help = "only these repositories: a pattern of their names, * stands for any characters"},
};
inline constexpr Parameter kForgetRoute[] = {
    {.name = "route",
     .shape = "NAME",
     .help = "a route that is not configured any more",
     .is_place = true,
     .is_required = true},
};
inline constexpr Parameter kFetch[] = {
    {.name = "image",
     .shape = "IMAGE",
     .help = "alpine:3.20, ghcr.io/org/app:1, …; - reads a list from standard input",
     .kind = Parameter::Kind::words,
     .is_place = true},
    {.name = "platform",
     .shape = "OS/ARCH",
     .help = "only these of an index, such as linux/amd64; all of it without",
     .kind = Parameter::Kind::words},
    {.name = "from_cluster",
     .help = "the images of the pods on standard input: kubectl get pods -A -o json",
     .kind = Parameter::Kind::flag},
};
inline constexpr Parameter kRefresh[] = {
    {.name = "image",
     .shape = "IMAGE",
     .help = "the tag of a mirror that is asked for upstream now",
     .is_place = true,
     .is_required = true},
};

}  // namespace breakwater::routes
