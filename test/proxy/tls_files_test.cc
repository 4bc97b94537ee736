// What is said of certificates and keys that cannot be used.
#include <filesystem>
#include <string>

#include "proxy/stream/tls_files.h"
#include "test/catch.h"
#include "test/fakes/certificate_files.h"

namespace breakwater::proxy {
namespace {

using test::CertificateFiles;

// "" if the files are good.
std::string wrong_with(const TlsSettings& settings) {
  const auto read = read_tls_files(settings);
  if (read) return {};
  CHECK(read.error().kind == Error::Kind::invalid);
  return read.error().message;
}

struct Files : CertificateFiles {
  Files() { make("server"); }
  TlsSettings of(const std::string& certificate, const std::string& key) const {
    return {this->certificate(certificate), this->key(key)};
  }
  TlsSettings server() const { return of("server", "server"); }
};

TEST_CASE("a certificate and its key are read, and the CAs of clients") {
  Files files;
  CHECK(wrong_with(files.server()).empty());
  auto settings = files.server();
  settings.client_ca = files.certificate("server");
  CHECK(wrong_with(settings).empty());
}

TEST_CASE("a file that is not there, or is none, is named") {
  Files files;
  CHECK(wrong_with(files.of("absent", "server")) ==
        files.certificate("absent") +
            " cannot be read: No such file or directory; it has to be there, and readable for the user that "
            "this process runs as");
  CHECK(wrong_with(files.of("server", "absent")).starts_with(files.key("absent") + " cannot be read: "));
  auto settings = files.server();
  settings.client_ca = files.path("absent");
  CHECK(wrong_with(settings).starts_with(settings.client_ca + " cannot be read: "));
  settings.client_ca = files.path("");
  CHECK(wrong_with(settings) == settings.client_ca + " is no file");
}

TEST_CASE("a file that holds something else says what it should hold") {
  Files files;
  files.write("text", "hello\n");
  files.write("broken", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
  files.write("empty", "");
  const auto certificate = [&](const std::string& file) {
    return wrong_with({files.path(file), files.key("server")});
  };
  const auto key = [&](const std::string& file) {
    return wrong_with({files.certificate("server"), files.path(file)});
  };
  for (const std::string file : {"text", "empty"}) {
    CHECK(certificate(file) ==
          files.path(file) + " holds no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")");
    CHECK(key(file).starts_with(files.path(file) + " holds no private key in PEM"));
  }
  CHECK(certificate("broken").starts_with(files.path("broken") +
                                          " holds a certificate that cannot be understood: "));
  CHECK(key("server.pem").find("holds no private key") != std::string::npos);
}

TEST_CASE("a key of another certificate is named with both files") {
  Files files;
  files.make("other");
  CHECK(wrong_with(files.of("server", "other")) ==
        files.key("other") + " is not the key of the certificate in " + files.certificate("server") +
            ": the two are made together, and are replaced together");
}

TEST_CASE("a certificate that has expired is named with its date") {
  Files files;
  files.make("old", "", -60);
  const auto said = wrong_with(files.of("old", "old"));
  CHECK(said.starts_with(files.certificate("old") + " holds a certificate that expired on "));
  CHECK(said.ends_with(" GMT: have it renewed"));
}

TEST_CASE("a key that every user can read is named, and how to change that") {
  Files files;
  using std::filesystem::perms;
  std::filesystem::permissions(files.key("server"), perms(0644));
  CHECK(wrong_with(files.server()) ==
        files.key("server") + " is open to every user of this machine: take that away with \"chmod o= " +
            files.key("server") + "\"");
  std::filesystem::permissions(files.key("server"), perms(0640));
  CHECK(wrong_with(files.server()).empty());
}

TEST_CASE("a file that is replaced or written anew has another stamp") {
  Files files;
  const auto before = stamps_of(files.server());
  CHECK(stamps_of(files.server()) == before);
  files.make("server");
  const auto after = stamps_of(files.server());
  CHECK(after != before);
  std::filesystem::remove(files.key("server"));
  CHECK(stamps_of(files.server()) != after);
}

}  // namespace
}  // namespace breakwater::proxy
