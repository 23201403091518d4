//! What the name of a member or a header says about whom, or what, its value identifies. There is no other such rule.

use super::name::contains;

/// What a value identifies, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// A person or a machine: a user, an account, a device, a host, a directory, a repository. Covered.
    Person,
    /// A session, conversation, thread, turn, agent or request: what belongs together, but not to whom. Kept.
    Session,
    /// Neither, as far as the name says.
    Neither,
}

/// Words for persons and machines, and for what shows them.
const PERSON: &str = "\
    account accounts actor address assignee author caller computer contact creator customer customers cwd \
    device devices dir directories directory email emails employee enduser fingerprint folder folders git \
    homedir host hostname hosts installation ip ipv4 ipv6 laptop login mac machine machines mail member \
    members owner participant patient people person phone principal pwd remotes repo repos repositories \
    repository requester ssn submitter subscriber telephone upn user username users visitor whoami workdir \
    workspace workspaces workstation worktree";

/// Words for persons and machines if a kind follows, such as `safety_identifier`. Alone they may be settings.
const PERSON_WITH_KIND: &str = "client clients home individual install mobile remote safety serial";

/// Words for what belongs together.
const SESSION: &str = "\
    agent agents attempt batch cache call chat checkpoint conversation correlation dialog event generation \
    idempotency inference interaction invocation item message operation prompt request response run session \
    sessions span step subagent task thread threads trace turn window workflow";

/// Words that say of what kind a value is: the word before them is its subject.
const KINDS: &str = "\
    affinity guid guids hash id identifier identifiers identity ids key label name names nickname number path \
    paths root roots uri uris url urls uuid uuids value";

/// Words that make a person's name of `name`.
const NAMES: &str = "\
    family first full given last maiden middle nick real";

/// Returns what a value identifies, by its name in any spelling: `user_id`, `userId`, `X-User-ID`, `userid`.
pub(super) fn of(name: &str) -> Identity {
    let words = words(name);
    let is_kind = |word: &&String| is_in(KINDS, word);
    let kinds = words.iter().rev().take_while(is_kind).count();
    let Some(subject) = words[..words.len() - kinds].last() else { return Identity::Neither };
    let is_name = words.last().is_some_and(|last| last.starts_with("name"));
    if words.ends_with(&["user".to_owned(), "agent".to_owned()]) {
        // A browser's name, not an agent's.
        Identity::Neither
    } else if is_in(SESSION, subject) {
        Identity::Session
    } else if is_in(PERSON, subject)
        || (kinds > 0 && is_in(PERSON_WITH_KIND, subject))
        || (is_name && is_in(NAMES, subject))
        || words.iter().any(|word| word == "git")
    {
        Identity::Person
    } else {
        Identity::Neither
    }
}

fn is_in(words: &str, word: &str) -> bool {
    words.split(' ').any(|it| it == word)
}

/// Whether a name is that of a session's id, or the like, rather than of the session itself.
pub(super) fn is_session_id(name: &str) -> bool {
    let is_id = words(name).last().is_some_and(|last| is_in(KINDS, last));
    is_id && of(name) == Identity::Session
}

/// Whether a name has a word.
pub(super) fn has_word(name: &str, word: &str) -> bool {
    // Most names do not, and are not split for that.
    contains(name, word) && words(name).iter().any(|it| it == word)
}

/// Splits a name into lower-case words, at what is no letter or digit, and at a capital that begins a word. A word that is
/// written together, such as `userid`, is two.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after_lower = before.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        let before_lower = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let begins = c.is_ascii_uppercase()
            && (after_lower || (before_lower && before.is_some_and(|it| it.is_ascii_uppercase())));
        if begins || !c.is_alphanumeric() {
            push(&mut words, &mut word);
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    push(&mut words, &mut word);
    words
}

fn push(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let word = std::mem::take(word);
    let is_subject =
        |text: &str| [PERSON, PERSON_WITH_KIND, SESSION].iter().any(|words| is_in(words, text));
    let parts = KINDS.split(' ').find_map(|kind| {
        let subject = word.strip_suffix(kind)?;
        is_subject(subject).then_some((subject, kind))
    });
    match parts {
        Some((subject, kind)) if !is_subject(&word) => {
            words.extend([subject.to_owned(), kind.to_owned()]);
        }
        _ => words.push(word),
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity::*, of};

    #[test]
    fn names_say_what_values_identify() {
        for name in "user user_id userId USER_ID X-User-ID userid enduser_id end-user-id username userName \
             user.email email_address emailAddress account_uuid chatgpt-account-id accountUUID x-codex-installation-id deviceID deviceid machine_id host hostname host_name cwd workspace_path \
             workspaces workspace-roots associated_remote_urls git_remote git_branch repository_url \
             safety_identifier session_user_id ip_address first_name lastName phone_number _user \
             langfuse_trace_user_id user_ids user_name_hash"
            .split(' ')
        {
            assert_eq!(of(name), Person, "{name}");
        }
        for name in "session_id sessionId x-claude-code-session-id sessionid parent_session_id user_session_id \
             thread_id threadId conversation_id turn_id parent_turn_id window_id x-codex-window-id \
             prompt_cache_key promptCacheKey x-client-request-id agent_id agent-name trace_id x-session-affinity session task_id call_id"
            .split(' ')
        {
            assert_eq!(of(name), Session, "{name}");
        }
        for name in "id name type metadata client_metadata user_location topic user_agent user-agent safety safety_settings client home remote tenant model x-codex-turn-state \
             thread_source organization device_type users_count temperature"
            .split(' ')
        {
            assert_eq!(of(name), Neither, "{name}");
        }
    }
}
