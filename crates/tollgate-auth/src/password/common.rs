//! Is this a password that everybody tries first?
//!
//! Lists of leaked passwords are long because people vary a few words: `P@ssword123`, `iloveyou!!`, `qwertyuiop`. So the
//! words are listed here and the variations are undone: a password is common if it is nothing but one or two such pieces,
//! however often repeated: known words, runs along the keyboard, the alphabet or the digits, one character again and again,
//! years, and what the app and its user are called.

/// Words that lead the lists of leaked passwords, in lower case and without digits.
const WORDS: &str = "password passwort passwd pass secret letmein welcome login admin administrator root user guest test \
    testing default changeme change master access hello iloveyou love lovely princess sunshine dragon monkey shadow football \
    baseball basketball soccer hockey superman batman spiderman pokemon starwars michael jordan jennifer jessica ashley \
    daniel charlie andrew thomas robert george maggie buster hunter killer ginger pepper cheese banana orange cookie \
    chocolate summer winter autumn spring monday friday january december freedom trustno whatever computer internet samsung \
    google facebook liverpool arsenal chelsea ranger tigger flower purple silver golden diamond mustang ferrari mercedes \
    harley yamaha phoenix eagle falcon tiger lion bear wolf angel heaven jesus christ god blessed forever family mother \
    father brother sister baby babygirl qwerty azerty asdf zxcv qaz wsx edc abc correct horse battery staple please enter \
    security private nothing database server system office company work home money lucky ninja matrix zaq xsw";

/// What fingers run along.
const RUNS: [&str; 8] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "azertyuiop",
    "qwertzuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];
/// The shortest run or repetition that is one.
const SHORTEST_RUN: usize = 3;
/// How many different pieces make a password that nobody else has.
const PIECES: usize = 3;

/// Whether a password is made of no more than two common pieces; `names` are words that are common for this user.
pub(super) fn is_common(password: &str, names: &[&str]) -> bool {
    let plain: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    let names: Vec<Vec<char>> = names.iter().flat_map(|name| words_of(name)).collect();
    let undone: Vec<char> = plain.iter().map(|c| letter(*c)).collect();
    pieces(&plain, &undone, &names).is_some_and(|pieces| pieces < PIECES)
}

/// The words of a name that are long enough to be told from chance.
fn words_of(name: &str) -> Vec<Vec<char>> {
    let name = name.to_lowercase();
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= SHORTEST_RUN);
    words.map(|word| word.chars().collect()).collect()
}

/// The letter that a digit or a sign stands for.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Of how many different pieces a text is made, the longest piece first; `None` if something else is in it.
fn pieces(plain: &[char], undone: &[char], names: &[Vec<char>]) -> Option<usize> {
    let (mut at, mut found) = (0, Vec::<&[char]>::new());
    while at < plain.len() {
        let (text, letters) = (&plain[at..], &undone[at..]);
        let length = run(text).max(word(text, names)).max(word(letters, names));
        if length >= SHORTEST_RUN {
            let piece = &letters[..length];
            found.extend((!found.contains(&piece)).then_some(piece));
            at += length;
        } else if text[0].is_alphabetic() {
            return None;
        } else {
            // Signs between words, single digits and years tell nobody apart.
            at += text.iter().take_while(|c| c.is_ascii_digit()).count().clamp(1, 4);
        }
    }
    Some(found.len())
}

/// The length of the longest known word that the text begins with.
fn word(text: &[char], names: &[Vec<char>]) -> usize {
    let begins = |word: &[char]| if text.starts_with(word) { word.len() } else { 0 };
    let known = WORDS.split_ascii_whitespace().map(|word| begins(&word.chars().collect::<Vec<_>>())).max();
    known.max(names.iter().map(|name| begins(name)).max()).unwrap_or(0)
}

/// The length of the run or repetition that the text begins with.
fn run(text: &[char]) -> usize {
    let repeated = text.iter().take_while(|c| Some(*c) == text.first()).count();
    let along = |line: Vec<char>| {
        let start = text.first().and_then(|first| line.iter().position(|c| c == first));
        start.map_or(0, |start| text.iter().zip(&line[start..]).take_while(|(a, b)| a == b).count())
    };
    let runs = RUNS.iter().flat_map(|line| [along(line.chars().collect()), along(line.chars().rev().collect())]);
    runs.max().unwrap_or(0).max(repeated)
}

#[cfg(test)]
mod tests {
    use super::is_common;

    #[test]
    fn what_everybody_tries_first_is_common_however_it_is_varied() {
        let names = ["Lorem Ipsum", "Ada Osei", "ada.osei@example.test"];
        for common in [
            "password",
            "Password1",
            "P@ssw0rd123!",
            "passwordpassword1",
            "PASSWORD PASSWORD PASSWORD",
            "qwertyuiopasdfgh",
            "qwertyuiopasdfghjkl",
            "1qaz2wsx3edc4rfv",
            "aaaaaaaaaaaaaaaa",
            "123456789012345678",
            "1234567890987654321",
            "iloveyou12345678",
            "Summer2025Summer2025",
            "letmeinletmein!!",
            "abcabcabcabcabcabc",
            "Lorem-Ipsum-2026",
            "adaosei1990adaosei",
            "!!!!!!!!!!!!!!!!!!!",
            "                    ",
            "19851985198519851985",
        ] {
            assert!(is_common(common, &names), "{common}");
        }
    }

    #[test]
    fn what_only_one_person_says_is_not() {
        for own in [
            "correct horse battery staple",
            "a long password of four words",
            "the lorry sleeps at noon",
            "kX9#mQ2$vL7!pR4z",
            "пароль моей бабушки",
            "four word pass phrase",
            "ginger cheese tiger winter",
        ] {
            assert!(!is_common(own, &["Lorem Ipsum", "Ada", "ada@example.test"]), "{own}");
        }
        assert!(!is_common("ada osei and the lorry", &["Ada Osei"]), "a name with more around it");
    }
}
