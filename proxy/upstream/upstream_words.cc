#include "proxy/upstream/upstream_words.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "store/base/printable.h"

namespace breakwater::proxy {
namespace {

using nlohmann::json;

constexpr size_t kWordsBytesMax = 200;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// OCI's form of errors, or what token servers answer: one of a few fields.
std::string words_of(const json& answer) {
  if (!answer.is_object()) return {};
  const auto errors = answer.find("errors");
  if (errors != answer.end() && errors->is_array() && !errors->empty() && errors->front().is_object()) {
    std::string code = text_at(errors->front(), "code");
    const std::string message = text_at(errors->front(), "message");
    if (code.empty() || message.empty()) return code + message;
    return code.append(": ").append(message);
  }
  for (const char* name : {"message", "details", "detail", "error_description", "error"}) {
    if (auto text = text_at(answer, name); !text.empty()) return text;
  }
  return {};
}

// In one line, with a single space between words, and cut between two characters if it is too long.
std::string tidied(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (!is_space(c)) line += c == '"' ? '\'' : c;
    if (is_space(c) && !line.empty() && line.back() != ' ') line += ' ';
    if (line.size() > 2 * kWordsBytesMax) break;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() <= kWordsBytesMax) return store::printable(line);
  size_t end = kWordsBytesMax;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return store::printable(line.substr(0, end)) + "…";
}

}  // namespace

std::string upstream_words(std::string_view body) {
  const auto begin = std::find_if_not(body.begin(), body.end(), is_space);
  if (begin == body.end() || *begin == '<') return {};
  if (*begin != '{' && *begin != '[') return tidied(body);
  return tidied(words_of(json::parse(body, nullptr, false)));
}

std::string with_upstream_words(std::string message, std::string_view body) {
  const std::string words = upstream_words(body);
  if (words.empty()) return message;
  return message.append(", and upstream says \"").append(words).append("\"");
}

}  // namespace breakwater::proxy
