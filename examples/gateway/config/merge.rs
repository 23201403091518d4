use super::Settings;

/// The settings that both a command line and a file can have.
macro_rules! merged {
    (values: $($value:ident)*; switches: $($switch:ident)*; lists: $($list:ident)*) => {
        impl Settings {
            /// Returns these settings and, where they have none, those of a file. Of lists, these come last.
            pub(super) fn or(self, mut file: Self) -> Self {
                $(file.$value = self.$value.or(file.$value);)*
                $(file.$switch |= self.$switch;)*
                $(file.$list.extend(self.$list);)*
                file
            }

            /// Returns whether these settings, of a command line, have a key.
            pub(super) fn has(&self, key: &str) -> bool {
                match key {
                    $(stringify!($value) => self.$value.is_some(),)*
                    $(stringify!($switch) => self.$switch,)*
                    $(stringify!($list) => !self.$list.is_empty(),)*
                    _ => false,
                }
            }
        }
    };
}

merged! {
    values: config listen upstream provider events content nats admin replay grace drain client_timeout pace_ms;
    switches: check admin_abort capture_outputs no_callbacks;
    lists: routes callers
}
