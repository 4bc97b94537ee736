#include "conf/manual.h"

#include <algorithm>

namespace breakwater::conf {
namespace {

// What a line of roff would understand otherwise.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '-') escaped += '\\';
    escaped += c;
  }
  if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
  return escaped;
}

// Within '…' of a shell.
std::string quoted(std::string_view text) {
  std::string made = "'";
  for (const char c : text) {
    if (c == '\'') {
      made += "'\\''";
    } else {
      made += c;
    }
  }
  return made + "'";
}

// Within the brackets of zsh's descriptions, and quoted.
std::string zsh_text(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') made += '\\';
    made += c;
  }
  return made;
}

bool is_folder(const OptionHelp& option) { return option.shape == "DIR"; }
bool is_file(const OptionHelp& option) { return option.shape == "FILE" || is_folder(option); }

std::string names_of(const VerbHelp& verb) {
  std::string names;
  for (const auto& option : verb.options) {
    if (!option.is_place) names += (names.empty() ? "" : " ") + option.name;
  }
  return names;
}

// Verbs with the same first word: "token create" and "token list". Of one word, it is alone.
struct Group {
  std::string name;
  std::vector<const VerbHelp*> verbs;
  bool is_alone() const { return verbs.front()->verb == name; }
  std::string summary() const { return is_alone() ? verbs.front()->summary : last_words(); }
  std::string last_words() const {
    std::string names;
    for (const auto* verb : verbs) names += (names.empty() ? "" : " ") + last_word_of(*verb);
    return names;
  }
  std::string last_word_of(const VerbHelp& verb) const {
    return verb.verb == name ? verb.verb : verb.verb.substr(name.size() + 1);
  }
};

// In the order of the first of each.
std::vector<Group> groups_of(const std::vector<VerbHelp>& verbs) {
  std::vector<Group> groups;
  for (const auto& verb : verbs) {
    const std::string name = verb.verb.substr(0, verb.verb.find(' '));
    auto group =
        std::find_if(groups.begin(), groups.end(), [&name](const Group& one) { return one.name == name; });
    if (group == groups.end()) group = groups.insert(groups.end(), Group{name, {}});
    group->verbs.push_back(&verb);
  }
  return groups;
}

std::string names_of(const std::vector<Group>& groups) {
  std::string names;
  for (const auto& group : groups) names += (names.empty() ? "" : " ") + group.name;
  return names;
}

std::string bash_case(const Group& group) {
  if (group.is_alone())
    return "    " + group.name + ") options=" + quoted(names_of(*group.verbs.front())) + " ;;\n";
  std::string text =
      "    " + group.name +
      ")\n      case $COMP_CWORD-${COMP_WORDS[2]} in\n        2-*) options=" + quoted(group.last_words()) +
      " ;;\n";
  for (const auto* verb : group.verbs)
    text += "        *-" + group.last_word_of(*verb) + ") options=" + quoted(names_of(*verb)) + " ;;\n";
  return text + "      esac ;;\n";
}

std::string bash(const std::vector<VerbHelp>& verbs) {
  const auto groups = groups_of(verbs);
  std::string text =
      "_breakwater() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=\n"
      "  case $before in\n"
      "    --config) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
      "    --data|--from|--layout|--to) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
      "  esac\n"
      "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
      "    COMPREPLY=($(compgen -W " +
      quoted(names_of(groups)) +
      " -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const auto& group : groups) text += bash_case(group);
  text +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
      "}\n"
      "complete -F _breakwater breakwater\n";
  return text;
}

std::string zsh_option(const OptionHelp& option) {
  if (option.is_place)
    return quoted("*:" + zsh_text(option.name) + ":" + (is_folder(option) ? "_files -/" : " "));
  std::string spec = option.name + "[" + zsh_text(option.help) + "]";
  if (!option.shape.empty()) spec += ":" + zsh_text(option.shape) + ":" + (is_file(option) ? "_files" : " ");
  return quoted(spec);
}

std::string zsh_arguments(const VerbHelp& verb) {
  std::string text = "_arguments";
  for (const auto& option : verb.options) text += " \\\n      " + zsh_option(option);
  return text + " ;;\n";
}

std::string zsh_case(const Group& group) {
  if (group.is_alone()) return "    " + group.name + ") " + zsh_arguments(*group.verbs.front());
  std::string text = "    " + group.name + ")\n      if (( CURRENT == 2 )); then\n        _values verb " +
                     group.last_words() +
                     "\n        return\n      fi\n      verb=${words[2]}\n      shift words\n"
                     "      (( CURRENT-- ))\n      case $verb in\n";
  for (const auto* verb : group.verbs)
    text += "    " + group.last_word_of(*verb) + ") " + zsh_arguments(*verb);
  return text + "      esac ;;\n";
}

std::string zsh(const std::vector<VerbHelp>& verbs) {
  const auto groups = groups_of(verbs);
  std::string text = "#compdef breakwater\n_breakwater() {\n  local -a verbs=(\n";
  for (const auto& group : groups)
    text += "    " + quoted(group.name + ":" + zsh_text(group.summary())) + "\n";
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=${words[2]}\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $verb in\n";
  for (const auto& group : groups) text += zsh_case(group);
  return text + "  esac\n}\n_breakwater \"$@\"\n";
}

std::string fish_options(const VerbHelp& verb, const std::string& when) {
  std::string text;
  for (const auto& option : verb.options) {
    if (option.is_place) continue;
    text += "complete -c breakwater -n " + quoted(when) + " -l " + option.name.substr(2);
    if (!option.shape.empty()) text += is_file(option) ? " -r -F" : " -x";
    text += " -d " + quoted(option.help) + "\n";
  }
  return text;
}

std::string fish(const std::vector<VerbHelp>& verbs) {
  const std::string seen = "__fish_seen_subcommand_from ";
  std::string text = "complete -c breakwater -f\n";
  for (const auto& group : groups_of(verbs)) {
    text += "complete -c breakwater -n __fish_use_subcommand -a " + group.name + " -d " +
            quoted(group.summary()) + "\n";
    if (group.is_alone()) {
      text += fish_options(*group.verbs.front(), seen + group.name);
      continue;
    }
    for (const auto* verb : group.verbs) {
      const std::string word = group.last_word_of(*verb), within = seen + group.name;
      std::string is_open = within, is_chosen = within;
      is_open.append("; and not ").append(seen).append(group.last_words());
      is_chosen.append("; and ").append(seen).append(word);
      text.append("complete -c breakwater -n ").append(quoted(is_open)).append(" -a ").append(word);
      text.append(" -d ").append(quoted(verb->summary)).append("\n").append(fish_options(*verb, is_chosen));
    }
  }
  return text;
}

std::string synopsis_of(const VerbHelp& verb) {
  std::string text = ".SS \\fBbreakwater " + roff(verb.verb) + "\\fR";
  for (const auto& option : verb.options) {
    if (option.is_place) text += " [\\fI" + roff(option.shape.empty() ? option.name : option.shape) + "\\fR]";
  }
  return text + "\n" + roff(verb.summary) + ".\n";
}

}  // namespace

std::string manual_page(const std::vector<VerbHelp>& verbs, std::string_view version) {
  std::string text = ".TH BREAKWATER 1 \"\" \"breakwater " + roff(version) + "\"\n";
  text +=
      ".SH NAME\n"
      "breakwater \\- registry mirrors and a registry for a cluster, in one process\n"
      ".SH SYNOPSIS\n"
      ".B breakwater\n"
      "\\fIVERB\\fR [\\fIOPTIONS\\fR]\n"
      ".SH VERBS\n";
  for (const auto& verb : verbs) {
    text += synopsis_of(verb);
    for (const auto& option : verb.options) {
      text += ".TP\n\\fB" + roff(option.name) + "\\fR";
      if (!option.shape.empty() && !option.is_place) text += " \\fI" + roff(option.shape) + "\\fR";
      text += "\n" + roff(option.help) + "\n";
    }
  }
  text +=
      ".SH EXIT STATUS\n"
      "0 done, 1 something is wrong with what was looked at, or it could not be done; 2 it could not be "
      "tried.\n"
      ".SH FILES\n"
      ".TP\n"
      "\\fI/etc/breakwater/breakwater.json\\fR\n"
      "the configuration, if no other is named with \\fB\\-\\-config\\fR\n"
      ".TP\n"
      "\\fI/var/lib/breakwater\\fR\n"
      "the data folder of the service\n";
  return text;
}

Result<std::string> completion(const std::vector<VerbHelp>& verbs, std::string_view shell) {
  if (shell == "bash") return bash(verbs);
  if (shell == "zsh") return zsh(verbs);
  if (shell == "fish") return fish(verbs);
  return failure(Error::Kind::invalid,
                 "there is no completion for \"" + std::string(shell) + "\": name bash, zsh or fish");
}

}  // namespace breakwater::conf
