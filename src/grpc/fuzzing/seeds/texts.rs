//! Texts of each kind, in the order of the kinds.

/// The name, the kind and the text of each seed.
pub(super) fn all() -> Vec<(&'static str, u8, Vec<u8>)> {
    let known = "/conversation.v1.ConversationService/DeleteConversations\nBearer opensesame";
    // Revision and time of the first page, then a place: revision of the pin, time and key.
    let list_place = [7, 1_700_000_000_000_000, 3, 1_699_000_000_000_000_i64].map(i64::to_be_bytes);
    let list_place = [&list_place.concat(), &[0x5a_u8; 16][..]].concat();
    vec![
        ("id_c2c", 0, "C2Cbob".into()),
        ("id_group", 0, "GROUPfriends | 朋友".into()),
        ("id_system", 0, "@TIM#SYSTEM".into()),
        (
            "ids_of_a_request",
            1,
            b"\x0a\x05alice\x12\x05\x0a\x03bob\x12\x09\x12\x07friends\x12\x02\x1a\x00".into(),
        ),
        ("canonical_of_text", 2, "alice\nC2Cbob".into()),
        ("canonical_stored", 2, "alice\nC2C\nalice\nbob".into()),
        ("token_of_a_list", 3, list_place),
        ("token_of_messages", 4, "7".into()),
        ("token_of_nobody", 5, "AAAAAAAAAAAAAAAAAAAA".into()),
        ("timeout", 6, "250m".into()),
        (
            "request_id",
            7,
            "0194f3a2-7c1e-7b7a-8d6e-000000000001".into(),
        ),
        ("credentials", 8, known.into()),
        (
            "credentials_of_nobody",
            8,
            "/conversation.v1.MessageService/ListMessages\nBearer x\nbearer y".into(),
        ),
        ("token_of_deletions", 9, 7_i64.to_be_bytes().into()),
    ]
}
