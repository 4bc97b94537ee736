// What clients send, line by line as they were recorded, and that the answers are those that they need.
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

constexpr const char* kAllManifests =
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*";

// One request: its lines, then its body.
Reply say(RawClient& client, const std::vector<std::string>& lines, std::string_view body = {}) {
  std::string text;
  for (const auto& line : lines) text += line + "\r\n";
  client.send(text + "\r\n" + std::string(body));
  return reply_of(lines[0].starts_with("HEAD ") ? client.receive_reply_to_head() : client.receive_reply());
}

std::string length_of(std::string_view body) { return "Content-Length: " + std::to_string(body.size()); }
std::string escaped(const store::Digest& digest) { return proxy::percent_encode(digest.text()); }

// Of one client that keeps its connection.
class Keeping {
 public:
  Keeping(RegistryWorld& world, std::string agent)
      : client_(world.connect()), agent_("User-Agent: " + std::move(agent)) {}
  Reply operator()(const std::string& request, const std::vector<std::string>& headers = {},
                   std::string_view body = {}) {
    std::vector<std::string> lines = {request + " HTTP/1.1", "Host: 127.0.0.1:5050", agent_};
    lines.insert(lines.end(), headers.begin(), headers.end());
    if (!request.starts_with("HEAD ")) lines.emplace_back("Accept-Encoding: gzip");
    return say(*client_, lines, body);
  }
  bool ends() { return client_->ends(); }

 private:
  std::unique_ptr<RawClient> client_;
  std::string agent_;
};

// dockerd's classic store: one request on a connection.
Reply dockerd(RegistryWorld& world, const std::string& request, const std::vector<std::string>& headers = {},
              std::string_view body = {}) {
  Keeping client(world,
                 "docker/20.10.24+dfsg1 go/go1.19.8 os/linux arch/amd64 "
                 "UpstreamClient(Docker-Client/20.10.24+dfsg1 \\(linux\\))");
  auto lines = headers;
  lines.emplace_back("Connection: close");
  auto reply = client(request, lines, body);
  CHECK(reply["Connection"] == "close");
  CHECK(client.ends());
  return reply;
}

struct Cache {
  std::string manifest;
  std::string_view type;
  std::vector<std::pair<store::Digest, std::string>> blobs;
};

// What BuildKit exports with mode=max: layers and a config that says which step made which.
// image-manifest=false names all of them as the children of an index; oci-mediatypes=false gives the index
// Docker's type.
Cache cache_of(bool image_manifest, bool oci_types, uint32_t seed) {
  const std::string layer_type = oci_types ? "application/vnd.oci.image.layer.v1.tar+gzip"
                                           : "application/vnd.docker.image.rootfs.diff.tar.gzip";
  Cache cache{"", routes::kOciManifest, {}};
  std::string layers;
  for (uint32_t i = 0; i < 4; ++i) {
    const auto content = content_of(20'000 + i, seed * 10 + i);
    cache.blobs.emplace_back(digest_of(content), content);
    layers +=
        R"({"mediaType":")" + layer_type + R"(","digest":")" + digest_of(content).text() + R"(","size":)" +
        std::to_string(content.size()) +
        R"(,"annotations":{"buildkit/createdat":"2026-11-21T02:58:11.959120087Z","containerd.io/uncompressed":")" +
        digest_of(content).text() + R"("}},)";
  }
  const std::string config =
      R"({"layers":[{"blob":")" + cache.blobs[0].first.text() + R"(","parent":-1}],"records":[]})";
  cache.blobs.emplace_back(digest_of(config), config);
  const std::string config_descriptor =
      R"({"mediaType":"application/vnd.buildkit.cacheconfig.v0","digest":")" + digest_of(config).text() +
      R"(","size":)" + std::to_string(config.size()) + "}";
  if (image_manifest) {
    layers.pop_back();
    cache.manifest =
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
        config_descriptor + R"(,"layers":[)" + layers + "]}";
  } else {
    cache.type = oci_types ? routes::kOciIndex : routes::kDockerList;
    cache.manifest = R"({"schemaVersion":2,"mediaType":")" + std::string(cache.type) + R"(","manifests":[)" +
                     layers + config_descriptor + "]}";
  }
  return cache;
}

// Pushes what is not there, as containerd's pusher and BuildKit do; the number of blobs that moved.
size_t push_as_containerd(Keeping& client, const std::string& repository, const std::string& tag,
                          const Cache& what) {
  size_t moved = 0;
  for (const auto& [digest, content] : what.blobs) {
    const auto known = client("HEAD " + blob_path(repository, digest), {"Accept: */*"});
    if (known.status == 200) continue;
    CHECK(known.status == 404);
    const auto begun = client("POST " + uploads_path(repository), {"Content-Length: 0"});
    CHECK(begun.status == 202);
    const auto put = client("PUT " + std::string(begun["Location"]) + "?digest=" + escaped(digest),
                            {length_of(content), "Content-Type: application/octet-stream"}, content);
    CHECK(put.status == 201);
    CHECK(put["Docker-Content-Digest"] == digest.text());
    ++moved;
  }
  const auto known =
      client("HEAD " + manifest_path(repository, tag), {"Accept: " + std::string(what.type) + ", */*"});
  CHECK((known.status == 404 || known.status == 200));
  const auto put =
      client("PUT " + manifest_path(repository, tag),
             {length_of(what.manifest), "Content-Type: " + std::string(what.type)}, what.manifest);
  CHECK(put.status == 201);
  CHECK(put["Docker-Content-Digest"] == digest_of(what.manifest).text());
  return moved;
}

void import_as_buildkit(Keeping& client, const std::string& repository, const std::string& tag,
                        const Cache& expected) {
  const auto resolved =
      client("HEAD " + manifest_path(repository, tag), {std::string("Accept: ") + kAllManifests});
  CHECK(resolved.status == 200);
  CHECK(resolved["Content-Type"] == expected.type);
  CHECK(resolved["Content-Length"] == std::to_string(expected.manifest.size()));
  const std::string digest(resolved["Docker-Content-Digest"]);
  const auto manifest =
      client("GET " + manifest_path(repository, digest), {"Accept: " + std::string(expected.type) + ", */*"});
  CHECK(manifest.body == expected.manifest);
  // The config first, layers on use.
  for (auto blob = expected.blobs.rbegin(); blob != expected.blobs.rend(); ++blob) {
    CHECK((client("GET " + blob_path(repository, blob->first), {"Accept: */*"}).body == blob->second));
  }
}

}  // namespace

TEST_CASE("BuildKit exports a cache and imports it, in each form that it has") {
  const bool image_manifest = GENERATE(true, false), oci_types = GENERATE(true, false);
  RegistryWorld world;
  const auto cache = cache_of(image_manifest, oci_types, 1);
  Keeping exporter(world, "buildkit/v0.32"), importer(world, "buildkit/v0.32");
  CHECK(push_as_containerd(exporter, "bk", "buildcache", cache) == 5);
  import_as_buildkit(importer, "bk", "buildcache", cache);
  CHECK(push_as_containerd(exporter, "bk", "buildcache", cache) == 0);
  const auto next = cache_of(image_manifest, oci_types, 2);
  CHECK(push_as_containerd(exporter, "bk", "buildcache", next) == 5);
  import_as_buildkit(importer, "bk", "buildcache", next);
}

TEST_CASE("BuildKit keeps two variants of a cache under two tags") {
  RegistryWorld world;
  const auto one = cache_of(true, true, 3), two = cache_of(true, true, 4);
  Keeping client(world, "buildkit/v0.32");
  push_as_containerd(client, "bk", "main-cache", one);
  push_as_containerd(client, "bk", "branch-cache", two);
  import_as_buildkit(client, "bk", "main-cache", one);
  import_as_buildkit(client, "bk", "branch-cache", two);
}

TEST_CASE("BuildKit mounts the layers of an imported cache that it never pulled") {
  RegistryWorld world;
  const auto cache = cache_of(true, true, 5);
  Keeping client(world, "buildkit/v0.32");
  push_as_containerd(client, "bk", "buildcache", cache);
  for (const auto& [digest, content] : cache.blobs) {
    CHECK(client("HEAD " + blob_path("app", digest), {"Accept: */*"}).status == 404);
    const auto mounted =
        client("POST " + uploads_path("app") + "?mount=" + digest.text() + "&from=bk", {"Content-Length: 0"});
    CHECK(mounted.status == 201);
    CHECK(mounted["Docker-Content-Digest"] == digest.text());
  }
  CHECK(client("PUT " + manifest_path("app", "1"),
               {length_of(cache.manifest), "Content-Type: " + std::string(cache.type)}, cache.manifest)
            .status == 201);
}

TEST_CASE("dockerd's classic store pushes with one request a connection and PATCH without lengths") {
  RegistryWorld world;
  const auto layer = content_of(2'000'000, 6), config = std::string(R"({"rootfs":{"type":"layers"}})");
  CHECK(dockerd(world, "GET /v2/").body == "{}");
  for (const auto& content : {layer, config}) {
    const auto digest = digest_of(content);
    CHECK(dockerd(world, "HEAD " + blob_path("push/docker", digest)).status == 404);
    const auto begun = dockerd(world, "POST " + uploads_path("push/docker"), {"Content-Length: 0"});
    CHECK(begun.status == 202);
    const auto patched = dockerd(world, "PATCH " + std::string(begun["Location"]),
                                 {"Transfer-Encoding: chunked"}, chunked(content));
    CHECK(patched.status == 202);
    CHECK(patched["Range"] == "0-" + std::to_string(content.size() - 1));
    CHECK(patched["Docker-Upload-UUID"] == begun["Docker-Upload-UUID"]);
    CHECK(dockerd(world, "PUT " + std::string(patched["Location"]) + "?digest=" + escaped(digest),
                  {"Content-Length: 0"})
              .status == 201);
    const auto known = dockerd(world, "HEAD " + blob_path("push/docker", digest));
    CHECK(known.status == 200);
    CHECK(known["Content-Length"] == std::to_string(content.size()));
  }
  MadeManifest image;
  image.media_type = routes::kDockerManifest;
  image.config =
      Descriptor("application/vnd.docker.container.image.v1+json", digest_of(config), config.size());
  image.layers.emplace_back("application/vnd.docker.image.rootfs.diff.tar.gzip", digest_of(layer),
                            layer.size());
  const auto text = image.text();
  CHECK(dockerd(world, "PUT " + manifest_path("push/docker", "1"),
                {length_of(text), "Content-Type: " + image.media_type}, text)
            .status == 201);
  const auto pulled = dockerd(world, "GET " + manifest_path("push/docker", "1"),
                              {"Accept: " + image.media_type, "Accept: */*"});
  CHECK(pulled.body == text);
}

TEST_CASE("dockerd's classic store mounts with an escaped from before the digest") {
  RegistryWorld world;
  const auto blob = world.push_blob("app/ctr", content_of(1000, 7));
  const auto mounted =
      dockerd(world, "POST " + uploads_path("push/docker") + "?from=app%2Fctr&mount=" + escaped(blob.digest),
              {"Content-Length: 0"});
  CHECK(mounted.status == 201);
  CHECK(mounted["Location"] == blob_path("push/docker", blob.digest));
}

TEST_CASE("containerd pushes an image of several platforms: manifests by digest, the index by tag") {
  RegistryWorld world;
  Keeping client(world, "containerd/2.1.4");
  std::vector<Descriptor> children;
  for (uint32_t seed = 0; seed < 2; ++seed) {
    const auto config = std::string(R"({"seed":)") + std::to_string(seed) + "}",
               layer = content_of(30'000, 80 + seed);
    MadeManifest image;
    image.config = Descriptor(kConfigType, digest_of(config), config.size());
    image.layers.emplace_back(kLayerType, digest_of(layer), layer.size());
    const Cache child{
        image.text(), routes::kOciManifest, {{digest_of(layer), layer}, {digest_of(config), config}}};
    push_as_containerd(client, "ctr", digest_of(child.manifest).text(), child);
    children.emplace_back(routes::kOciManifest, digest_of(child.manifest), child.manifest.size());
  }
  const Cache index{index_text(children), routes::kOciIndex, {}};
  push_as_containerd(client, "ctr", "1", index);
  import_as_buildkit(client, "ctr", "1", index);
}

TEST_CASE("skopeo and podman cancel the upload that a missed mount began, and push by PATCH and PUT") {
  const bool compresses = GENERATE(false, true);
  RegistryWorld world;
  Keeping client(world, "skopeo/1.9.3");
  const auto content = content_of(100'000, 9);
  const auto digest = digest_of(content);
  CHECK(client("GET /v2/").status == 200);
  CHECK(client("HEAD " + blob_path("sk", digest), {"Docker-Distribution-Api-Version: registry/2.0"}).status ==
        404);
  const auto missed =
      client("POST " + uploads_path("sk") + "?from=other&mount=" + escaped(digest), {"Content-Length: 0"});
  CHECK(missed.status == 202);
  CHECK(client("DELETE " + std::string(missed["Location"])).status == 204);
  const auto begun = client("POST " + uploads_path("sk"), {"Content-Length: 0"});
  CHECK(begun.status == 202);
  const auto patched =
      compresses
          ? client("PATCH " + std::string(begun["Location"]),
                   {"Transfer-Encoding: chunked", "Content-Type: application/octet-stream"}, chunked(content))
          : client("PATCH " + std::string(begun["Location"]),
                   {length_of(content), "Content-Type: application/octet-stream"}, content);
  CHECK(patched.status == 202);
  CHECK(client("PUT " + std::string(patched["Location"]) + "?digest=" + escaped(digest),
               {"Content-Length: 0", "Content-Type: application/octet-stream"})
            .status == 201);
  CHECK(client("HEAD " + blob_path("sk", digest)).status == 200);
}

TEST_CASE("buildah keeps its cache under tags of 64 hex digits") {
  RegistryWorld world;
  const auto image = world.made_image("cache", 10).text();
  const auto key = digest_of("step").hex();
  Keeping client(world, "Buildah/1.28.2");
  CHECK(client("GET " + manifest_path("cache", key), {std::string("Accept: ") + kAllManifests})
            .says("MANIFEST_UNKNOWN"));
  CHECK(client("PUT " + manifest_path("cache", key),
               {length_of(image), "Content-Type: " + std::string(routes::kOciManifest)}, image)
            .status == 201);
  CHECK(client("GET " + manifest_path("cache", key), {std::string("Accept: ") + kAllManifests}).body ==
        image);
}

TEST_CASE("crane mounts with an origin, and pushes by PATCH with a length and PUT") {
  RegistryWorld world;
  Keeping client(world, "go-containerregistry");
  const auto content = content_of(50'000, 11);
  const auto digest = digest_of(content);
  CHECK(client("GET /v2/").status == 200);
  CHECK(client("HEAD " + blob_path("crane", digest)).status == 404);
  const auto begun = client(
      "POST " + uploads_path("crane") + "?from=other&mount=" + escaped(digest) + "&origin=registry.example",
      {"Content-Length: 0", "Content-Type: application/json"});
  CHECK(begun.status == 202);
  const auto patched = client("PATCH " + std::string(begun["Location"]),
                              {length_of(content), "Content-Type: application/octet-stream"}, content);
  CHECK(patched.status == 202);
  CHECK(patched["Location"].starts_with("/v2/"));
  CHECK(client("PUT " + std::string(patched["Location"]) + "?digest=" + escaped(digest),
               {"Content-Length: 0", "Content-Type: application/octet-stream"})
            .status == 201);
  const auto tags = client("GET /v2/crane/tags/list?n=1000");
  CHECK(tags.status == 404);
}

TEST_CASE("oras finds the referrers API by its ping, and OCI-Subject keeps it from writing fallback tags") {
  RegistryWorld world;
  const auto subject = world.push_image("oras", "1", 12);
  Keeping client(world, "oras/1.3.3");
  const auto ping = client("GET /v2/oras/referrers/sha256:" + std::string(64, '0'));
  CHECK(ping.status == 200);
  CHECK(ping["Content-Type"] == routes::kOciIndex);
  const auto empty = world.push_blob("oras", "{}", kEmptyType);
  MadeManifest artifact;
  artifact.artifact_type = "application/vnd.test.sbom";
  artifact.config = empty;
  artifact.subject = subject;
  const auto text = artifact.text();
  const auto pushed = client("PUT " + manifest_path("oras", digest_of(text).text()),
                             {length_of(text), "Content-Type: " + artifact.media_type}, text);
  CHECK(pushed.status == 201);
  CHECK(pushed["OCI-Subject"] == subject.digest.text());
  const auto found =
      client("GET /v2/oras/referrers/" + subject.digest.text() + "?artifactType=application%2Fvnd.test.sbom");
  CHECK(found["OCI-Filters-Applied"] == "artifactType");
  CHECK(found.body.find(digest_of(text).text()) != std::string::npos);
}

TEST_CASE("cosign probes for tags that are not there, and keeps signatures under tags and as referrers") {
  RegistryWorld world;
  const auto subject = world.push_image("cs", "1", 13);
  Keeping client(world, "cosign/devel (linux; amd64) go-containerregistry");
  for (const auto* kind : {".sig", ".att", ".sbom", ""}) {
    const auto probed = client("GET " + manifest_path("cs", "sha256-" + subject.digest.hex() + kind),
                               {std::string("Accept: ") + kAllManifests});
    CHECK(probed.status == 404);
    CHECK(probed.says("MANIFEST_UNKNOWN"));
  }
  auto signature = world.made_image("cs", 14);
  const auto old_text = signature.text();
  CHECK(client("PUT " + manifest_path("cs", "sha256-" + subject.digest.hex() + ".sig"),
               {length_of(old_text), "Content-Type: " + signature.media_type}, old_text)
            .status == 201);
  signature.subject = subject;
  const auto text = signature.text();
  CHECK(client("PUT " + manifest_path("cs", digest_of(text).text()),
               {length_of(text), "Content-Type: " + signature.media_type},
               text)["OCI-Subject"] == subject.digest.text());
  CHECK(client("GET " + manifest_path("cs", "sha256-" + subject.digest.hex() + ".sig")).body == old_text);
  CHECK(client("GET /v2/cs/referrers/" + subject.digest.text()).body.find(digest_of(text).text()) !=
        std::string::npos);
}

}  // namespace breakwater::test
