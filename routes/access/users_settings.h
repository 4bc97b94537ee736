// What the configuration says of users: where they are, and in which groups. A value.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace breakwater::routes {

struct UsersSettings {
  std::string htpasswd_file;
  std::map<std::string, std::vector<std::string>> groups;  // names of users, by the group's name
};

}  // namespace breakwater::routes
