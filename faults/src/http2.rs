//! A client of HTTP/2, as bytes: none that knows its craft does what is tried here (RFC 9113, RFC 7541).

/// The least a client says now and then.
pub const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
/// The frames of a connection that say so in their heads.
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
/// The flags of a request that is its head.
const WHOLE: u8 = 0x5;
/// The setting that gives each answer its room.
const INITIAL_WINDOW_SIZE: u8 = 4;

/// How a client begins, which gives each answer so much room, in bytes.
pub fn beginning(room: u32) -> Vec<u8> {
    let setting = [&[0, INITIAL_WINDOW_SIZE][..], &room.to_be_bytes()].concat();
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame(SETTINGS, 0, 0, &setting)].concat()
}

/// A `GET` with a token.
pub fn get(stream: u32, path: &str, token: &str) -> Vec<u8> {
    // Of the static table: `:method: GET`, `:scheme: http`; then names of it with values of ours.
    let mut head = vec![0x82, 0x86, 0x04];
    text(&mut head, path);
    head.push(0x01);
    text(&mut head, "127.0.0.1");
    head.extend([0x0f, 0x08]);
    text(&mut head, &format!("Bearer {token}"));
    frame(HEADERS, WHOLE, stream, &head)
}

/// More room for an answer, in bytes; for all of them on stream 0.
pub fn room(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A text as it is, behind its length.
fn text(head: &mut Vec<u8>, text: &str) {
    let mut rest = text.len();
    if rest < 0x7f {
        head.extend(u8::try_from(rest));
    } else {
        head.push(0x7f);
        rest -= 0x7f;
        while rest >= 0x80 {
            head.extend(u8::try_from(rest % 0x80 + 0x80));
            rest /= 0x80;
        }
        head.extend(u8::try_from(rest));
    }
    head.extend(text.as_bytes());
}
