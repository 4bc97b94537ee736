// `inspect`: what manifests and configs of strangers say, as far as they are here and can be read.
#include "routes/ops/document.h"

#include <nlohmann/json.hpp>

#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;
using store::Digest;
using test::digest_of;

const store::RepositoryKey kAlpine{"dockerhub", "library/alpine"};
constexpr char kConfigType[] = "application/vnd.oci.image.config.v1+json";

ordered_json descriptor(const std::string& of, const std::string& type) {
  return {{"mediaType", type}, {"digest", digest_of(of).text()}, {"size", of.size()}};
}

struct DocumentWorld : test::PushedWorld {
  // A mirror's image of that config, all of which is here if `has_layers`.
  void mirror(const std::string& config, const std::vector<std::string>& layers, bool has_layers = true,
              const std::string& config_type = kConfigType) {
    ordered_json manifest = {{"schemaVersion", 2},
                             {"config", descriptor(config, config_type)},
                             {"layers", ordered_json::array()},
                             {"annotations", {{"who", "<script>alert(1)</script>"}, {"no text", 5}}}};
    if (has_layers) REQUIRE(put(kAlpine, config));
    for (const auto& layer : layers) {
      if (has_layers) REQUIRE(put(kAlpine, layer));
      manifest["layers"].push_back(descriptor(layer, "application/layer"));
    }
    put_manifest(manifest.dump());
  }
  void put_manifest(const std::string& text) {
    REQUIRE(store->manifests().put(kAlpine, digest_of(text), text, content_of(text, {}), "1",
                                   store::Durability::buffered));
  }
  ordered_json ask(const std::string& reference = "1", const DocumentBounds& bounds = {}) {
    auto answer = document(*store, kAlpine, reference, bounds);
    REQUIRE(answer);
    return *std::move(answer);
  }
};

std::string config_of(const ordered_json& history) {
  const ordered_json config = {{"os", "linux"},
                               {"architecture", "arm64"},
                               {"variant", "v8"},
                               {"created", "2026-01-01T00:00:00Z"},
                               {"config",
                                {{"User", "app"},
                                 {"Env", {"A=1", 7}},
                                 {"Entrypoint", {"/run"}},
                                 {"Cmd", nullptr},
                                 {"ExposedPorts", {{"80/tcp", ordered_json::object()}}},
                                 {"Labels", {{"l", "m"}}}}},
                               {"history", history}};
  return config.dump();
}

}  // namespace

TEST_CASE("an image is told with its config, and each layer with the line that made it") {
  DocumentWorld world;
  world.mirror(config_of({{{"created_by", "ADD one"}},
                          {{"created_by", "ENV A=1"}, {"empty_layer", true}},
                          {{"created_by", "RUN two"}, {"comment", "c"}}}),
               {"one", "two!"});
  const auto told = world.ask();
  CHECK(told.at("image") == "dockerhub/library/alpine:1");
  CHECK(told.at("kind") == "image");
  CHECK(told.at("here") == true);
  CHECK(told.at("cut") == false);
  CHECK(told.at("annotations") == ordered_json{{"who", "<script>alert(1)</script>"}});
  CHECK(told.contains("checked_at"));
  const auto& config = told.at("config");
  CHECK(config.at("platform") == "linux/arm64/v8");
  CHECK(config.at("env") == ordered_json{"A=1"});
  CHECK(config.at("entrypoint") == ordered_json{"/run"});
  CHECK_FALSE(config.contains("cmd"));
  CHECK(config.at("exposed_ports") == ordered_json{"80/tcp"});
  CHECK(config.at("labels") == ordered_json{{"l", "m"}});
  const auto& layers = told.at("layers");
  REQUIRE(layers.size() == 3);
  CHECK(layers.at(0).at("digest") == digest_of("one").text());
  CHECK(layers.at(0).at("created_by") == "ADD one");
  CHECK(layers.at(1) == ordered_json{{"empty", true}, {"created_by", "ENV A=1"}});
  CHECK(layers.at(2).at("bytes") == 4);
  CHECK(layers.at(2).at("comment") == "c");
  const auto by_digest = world.ask(told.at("digest").get<std::string>());
  CHECK(by_digest.at("layers") == layers);
  CHECK_FALSE(by_digest.contains("tag"));
}

TEST_CASE("lines that are not as many as the layers are told apart from them") {
  DocumentWorld world;
  world.mirror(config_of({{{"created_by", "only one"}}}), {"one", "two"});
  const auto told = world.ask();
  CHECK(told.at("layers").size() == 2);
  CHECK_FALSE(told.at("layers").at(0).contains("created_by"));
  CHECK(told.at("history") == ordered_json{{{"created_by", "only one"}}});
}

TEST_CASE("what of an image is not here is said so, as far as its parent tells of it") {
  DocumentWorld world;
  world.mirror(config_of(ordered_json::array()), {"one"}, false);
  const auto told = world.ask();
  CHECK(told.at("config").at("here") == false);
  CHECK_FALSE(told.at("config").contains("platform"));
  CHECK(told.at("layers").at(0).at("here") == false);
  CHECK(told.at("layers").at(0).at("bytes") == 3);

  const Digest absent = digest_of("another platform");
  ordered_json index = {{"manifests", {descriptor("another platform", "application/image"), 5}}};
  index["manifests"][0]["platform"] = {{"os", "linux"}, {"architecture", "s390x"}};
  auto content = world.content_of("", {absent});
  content.children[0].edge = {"application/image", 16, true};
  const auto text = index.dump();
  REQUIRE(world.store->manifests().put(kAlpine, digest_of(text), text, content, "all",
                                       store::Durability::buffered));
  const auto of_index = world.ask("all");
  CHECK(of_index.at("kind") == "index");
  CHECK(of_index.at("manifests").at(0).at("platform") == "linux/s390x");
  CHECK(of_index.at("manifests").at(0).at("here") == false);
  CHECK(of_index.at("manifests").size() == 2);
  const auto child = world.ask(absent.text());
  CHECK(child.at("here") == false);
  CHECK(child.at("kind") == "unknown");
  CHECK(child.at("bytes") == 16);
  CHECK(document(*world.store, kAlpine, digest_of("never seen").text()).error().kind ==
        Error::Kind::not_found);
  CHECK(document(*world.store, kAlpine, "2").error().kind == Error::Kind::not_found);
}

TEST_CASE("whatever a config says, or is, the image is told") {
  DocumentWorld world;
  const std::string deep = R"({"config": )" + std::string(5000, '[') + std::string(5000, ']') + "}";
  for (const std::string& config : {std::string("no JSON"), std::string("[]"), deep, std::string("\xff{}"),
                                    std::string("{\"a\":\"\xff\"}")}) {
    world.mirror(config, {"one"});
    const auto told = world.ask();
    CHECK(told.at("kind") == "image");
    CHECK(told.at("config").contains("unreadable"));
    CHECK(told.at("layers").size() == 1);
  }
  for (const std::string& config :
       {std::string(R"({"config": 5, "history": {}, "os": []})"), std::string(R"({"config": {"Env": {}}})"),
        std::string(R"({"history": [5, null, {"empty_layer": "yes", "created_by": []}]})"),
        std::string(R"({"config": {"Labels": [1], "ExposedPorts": "80", "User": {}}})")}) {
    world.mirror(config, {"one"});
    const auto told = world.ask();
    CHECK_FALSE(told.at("config").contains("unreadable"));
    CHECK(told.at("layers").size() == 1);
  }
  world.mirror("{\"secret\": 1}", {"one"}, true, "application/vnd.example.chart+json");
  CHECK(world.ask().at("kind") == "artifact");
  world.put_manifest("no manifest");
  CHECK(world.ask().at("unreadable") == "it is no JSON object");
}

TEST_CASE("a config of more than four MiB is not read") {
  DocumentWorld world;
  world.mirror(R"({"os": "linux", "x": ")" + std::string(kConfigBytesMax, 'x') + "\"}", {});
  const auto told = world.ask();
  CHECK(told.at("config").at("unreadable") == "it is larger than 4 MiB");
  CHECK_FALSE(told.at("config").contains("platform"));
}

TEST_CASE("texts and lists without end are cut, and are said to be") {
  DocumentWorld world;
  ordered_json history = ordered_json::array();
  for (int i = 0; i < 50; ++i)
    history.push_back({{"created_by", std::string(300, 'x') + "\xc3\xa4"}, {"empty_layer", true}});
  world.mirror(config_of(history), {});
  CHECK(world.ask().at("cut") == false);
  const auto short_texts =
      world.ask("1", {.text_bytes_max = 301, .answer_bytes_max = 1 << 20, .rows_max = 100});
  CHECK(short_texts.at("cut") == true);
  CHECK(short_texts.at("layers").at(0).at("created_by") == std::string(300, 'x'));
  const auto few_rows = world.ask("1", {.text_bytes_max = 1000, .answer_bytes_max = 1 << 20, .rows_max = 10});
  CHECK(few_rows.at("cut") == true);
  CHECK(few_rows.at("layers").size() == 10);
  const auto few_bytes = world.ask("1", {.text_bytes_max = 1000, .answer_bytes_max = 2000, .rows_max = 100});
  CHECK(few_bytes.at("cut") == true);
  CHECK(few_bytes.dump().size() < 4000);
}

}  // namespace breakwater::routes
