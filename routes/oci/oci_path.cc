#include "routes/oci/oci_path.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/http/http.h"

namespace breakwater::routes {
namespace {

using Kind = OciPath::Kind;
using Fault = tl::unexpected<OciPathError>;

Fault fault(OciPathError::Kind kind, std::string message) {
  return Fault(OciPathError{kind, std::move(message)});
}

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_tag_start(char c) { return is_alphanumeric(c) || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_upload_id(std::string_view text) {
  if (text.empty() || text.size() > 256) return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=") ==
         std::string_view::npos;
}

// Whether `text` may stand between two runs of letters and digits: one dot, one or two underscores, or any
// number of dashes.
bool is_separator(std::string_view text) {
  return text == "." || text == "_" || text == "__" ||
         (!text.empty() && text.find_first_not_of('-') == std::string_view::npos);
}

bool is_name_component(std::string_view text) {
  if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && is_alphanumeric(text[at])) ++at;
    const size_t start = at;
    while (at < text.size() && !is_alphanumeric(text[at])) ++at;
    if (at > start && !is_separator(text.substr(start, at - start))) return false;
  }
  return true;
}

// A target in absolute form, "http://host/v2/", means the same as "/v2/" (RFC 9112, 3.2.2).
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target;
}

bool has_control_character(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t start = 0;
  for (size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator, start)) {
    parts.push_back(text.substr(start, at - start));
    start = at + 1;
  }
  parts.push_back(text.substr(start));
  return parts;
}

bool is_dotted(std::string_view component) { return component == "." || component == ".."; }

tl::expected<store::Digest, OciPathError> digest_from(std::string_view text) {
  auto digest = store::Digest::parse(text);
  if (!digest) return fault(OciPathError::Kind::digest_invalid, std::move(digest.error().message));
  return *digest;
}

// --- the path

// A path as read from the right: the repository's name is the first `name_parts` components after "v2".
struct Shape {
  Kind kind = Kind::unknown;
  size_t name_parts = 0;
  std::string_view last;
};

Shape shape_of(const std::vector<std::string_view>& parts) {
  const size_t count = parts.size();
  const auto from_right = [&parts, count](size_t n) {
    return n < count ? parts[count - 1 - n] : std::string_view();
  };
  if (count == 1 && parts[0] == "_catalog") return {Kind::catalog, 0, {}};
  if (count < 3) return {};
  const std::string_view last = from_right(0), verb = from_right(1);
  if (verb == "manifests") return {Kind::manifest, count - 2, last};
  if (verb == "blobs" && last == "uploads") return {Kind::upload_start, count - 2, {}};
  if (verb == "blobs") return {Kind::blob, count - 2, last};
  if (verb == "tags" && last == "list") return {Kind::tags, count - 2, {}};
  if (verb == "referrers") return {Kind::referrers, count - 2, last};
  if (verb == "uploads" && from_right(2) == "blobs" && count > 3) return {Kind::upload, count - 3, last};
  return {};
}

tl::expected<void, OciPathError> read_reference(OciPath& path, std::string_view last) {
  if (path.kind == Kind::upload) {
    if (!is_upload_id(last))
      return fault(OciPathError::Kind::target_invalid, "not an upload's id: '" + std::string(last) + "'");
    path.upload_id = last;
    return {};
  }
  if (path.kind == Kind::manifest && last.find(':') == std::string_view::npos) {
    if (!is_oci_tag(last))
      return fault(OciPathError::Kind::tag_invalid, "not a tag: '" + std::string(last) + "'");
    path.tag = last;
    return {};
  }
  if (path.kind != Kind::manifest && path.kind != Kind::blob && path.kind != Kind::referrers) return {};
  auto digest = digest_from(last);
  if (!digest) return Fault(std::move(digest.error()));
  path.digest = *digest;
  return {};
}

// `text` is decoded, and begins after "/v2/".
tl::expected<void, OciPathError> read_components(OciPath& path, std::string_view text) {
  auto parts = split(text, '/');
  // Only /v2/<name>/blobs/uploads/ may end in a slash.
  if (parts.size() > 2 && parts.back().empty() && parts[parts.size() - 2] == "uploads") parts.pop_back();
  for (const auto part : parts) {
    if (part.empty() || is_dotted(part))
      return fault(OciPathError::Kind::target_invalid, "empty or dotted path component");
  }
  const Shape shape = shape_of(parts);
  path.kind = shape.kind;
  if (shape.name_parts == 0) return {};
  const auto& end = parts[shape.name_parts - 1];
  path.name = text.substr(0, static_cast<size_t>(end.end() - text.begin()));
  if (!is_oci_name(path.name))
    return fault(OciPathError::Kind::name_invalid, "not a repository's name: '" + path.name + "'");
  return read_reference(path, shape.last);
}

tl::expected<void, OciPathError> read_path(OciPath& path, std::string_view encoded) {
  std::optional<std::string> decoded;
  if (encoded.find('%') != std::string_view::npos) {
    decoded = proxy::percent_decode(encoded, proxy::Plus::keep);
    if (!decoded) return fault(OciPathError::Kind::target_invalid, "broken %-escape in the path");
  }
  const std::string_view text = decoded ? std::string_view(*decoded) : encoded;
  if (has_control_character(text))
    return fault(OciPathError::Kind::target_invalid, "control character in the path");
  constexpr std::string_view kPrefix = "/v2/";
  if (text == "/v2" || text == kPrefix) {
    path.kind = Kind::base;
    return {};
  }
  if (!text.starts_with(kPrefix)) return {};
  return read_components(path, text.substr(kPrefix.size()));
}

// --- the query

tl::expected<void, OciPathError> read_number(OciPath& path, std::string_view value) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error == std::errc::result_out_of_range) {
    path.query.n = UINT64_MAX;
    return {};
  }
  if (error != std::errc() || end != value.data() + value.size())
    return fault(OciPathError::Kind::page_invalid, "n= is not a number");
  path.query.n = n;
  return {};
}

tl::expected<void, OciPathError> read_digest(std::optional<store::Digest>& into, std::string_view value) {
  auto digest = digest_from(value);
  if (!digest) return Fault(std::move(digest.error()));
  into = *digest;
  return {};
}

void set_once(std::string& into, std::string value) {
  if (into.empty()) into = std::move(value);
}

// A parameter counts only where it belongs: a stray `digest=` on a manifest is ignored.
tl::expected<void, OciPathError> read_parameter(OciPath& path, std::string_view key, std::string value) {
  OciQuery& query = path.query;
  const bool lists = path.kind == Kind::tags || path.kind == Kind::catalog;
  const bool uploads = path.kind == Kind::upload || path.kind == Kind::upload_start;
  if (key == "ns") {
    set_once(query.ns, std::move(value));
  } else if (key == "last") {
    set_once(query.last, std::move(value));
  } else if (key == "from") {
    set_once(query.from, std::move(value));
  } else if (key == "artifactType") {
    // No media type has a space: a client that sends "image+json" unescaped means the plus.
    std::replace(value.begin(), value.end(), ' ', '+');
    set_once(query.artifact_type, std::move(value));
  } else if (key == "digest-algorithm") {
    set_once(query.digest_algorithm, std::move(value));
  } else if (key == "n" && lists && !query.n) {
    return read_number(path, value);
  } else if (key == "digest" && uploads && !query.digest) {
    return read_digest(query.digest, value);
  } else if (key == "mount" && uploads && !query.mount) {
    return read_digest(query.mount, value);
  } else if (key == "tag" && path.kind == Kind::manifest) {
    if (!is_oci_tag(value) || query.tags.size() == kTagParametersMax)
      return fault(OciPathError::Kind::tag_invalid, "not a tag, or too many: '" + value + "'");
    query.tags.push_back(std::move(value));
  }
  return {};
}

tl::expected<void, OciPathError> read_query(OciPath& path, std::string_view text) {
  for (const auto parameter : split(text, '&')) {
    if (parameter.empty()) continue;
    const size_t equals = parameter.find('=');
    const auto key = proxy::percent_decode(parameter.substr(0, equals), proxy::Plus::space);
    auto value = proxy::percent_decode(
        equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1),
        proxy::Plus::space);
    if (!key || !value || has_control_character(*value))
      return fault(OciPathError::Kind::target_invalid, "broken %-escape or control character in the query");
    if (*key != "ns") path.query.forwarded.append(path.query.forwarded.empty() ? "" : "&").append(parameter);
    if (auto read = read_parameter(path, *key, std::move(*value)); !read) return read;
  }
  return {};
}

}  // namespace

std::string_view name_of(OciPath::Kind kind) {
  switch (kind) {
    case Kind::base: return "base";
    case Kind::manifest: return "manifest";
    case Kind::blob: return "blob";
    case Kind::tags: return "tags";
    case Kind::referrers: return "referrers";
    case Kind::upload_start: return "upload_start";
    case Kind::upload: return "upload";
    case Kind::catalog: return "catalog";
    case Kind::unknown: break;
  }
  return "unknown";
}

bool is_oci_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (const auto component : split(name, '/')) {
    if (!is_name_component(component)) return false;
  }
  return true;
}

bool is_oci_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > kTagBytesMax || !is_tag_start(tag.front())) return false;
  for (const char c : tag) {
    if (!is_tag_start(c) && c != '.' && c != '-') return false;
  }
  return true;
}

tl::expected<OciPath, OciPathError> parse_oci_path(std::string_view target) {
  target = without_authority(target);
  const size_t question = target.find('?');
  OciPath path;
  if (auto read = read_path(path, target.substr(0, question)); !read) return Fault(std::move(read.error()));
  if (question == std::string_view::npos) return path;
  if (auto read = read_query(path, target.substr(question + 1)); !read) return Fault(std::move(read.error()));
  return path;
}

}  // namespace breakwater::routes
