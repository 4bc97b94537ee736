// What manifests and configs of strangers say, as rows of an answer (document.h has their shapes). Everything
// may be missing, of another type, or without end: what cannot be read is left out, and what is too long is
// cut. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "store/base/digest.h"

namespace breakwater::routes {

// The value of that name; null if there is none, or if it is no object.
const nlohmann::json& in(const nlohmann::json& object, const char* field);
// Likewise the digest; nothing if it is none.
std::optional<store::Digest> digest_in(const nlohmann::json& descriptor, const char* field);

// Puts texts into an answer until it is full. Belongs to one answer.
class StrangersTexts {
 public:
  StrangersTexts(size_t text_bytes_max, size_t answer_bytes_max, size_t rows_max)
      : text_bytes_max_(text_bytes_max), bytes_left_(answer_bytes_max), rows_max_(rows_max) {}

  // `object[field]` as `to[as]`, if it is a text and not empty.
  void put_text(nlohmann::ordered_json& to, const char* as, const nlohmann::json& object, const char* field);
  // A list of texts, the keys of an object, and the texts of an object by their keys.
  void put_list(nlohmann::ordered_json& to, const char* as, const nlohmann::json& object, const char* field);
  void put_keys(nlohmann::ordered_json& to, const char* as, const nlohmann::json& object, const char* field);
  void put_map(nlohmann::ordered_json& to, const char* as, const nlohmann::json& object, const char* field);

  // Whether a list of `size` rows may have one more; it is cut if not.
  bool has_row(size_t size);
  bool is_cut() const { return is_cut_; }

 private:
  // As much of it as there is room for.
  std::string taken(const std::string& text);

  const size_t text_bytes_max_;
  size_t bytes_left_;
  const size_t rows_max_;
  bool is_cut_ = false;
};

// "linux/arm64/v8", of a descriptor's `platform` or of a config; "" if it does not say.
std::string platform_text(const nlohmann::json& object);

// The fields of an image's config beside its history.
void put_config(nlohmann::ordered_json& row, const nlohmann::json& config, StrangersTexts& texts);

// Puts the lines of the config's history with `layers`, of which each is a row already, or beside them.
void put_history(nlohmann::ordered_json& answer, nlohmann::ordered_json layers, const nlohmann::json& config,
                 StrangersTexts& texts);

}  // namespace breakwater::routes
