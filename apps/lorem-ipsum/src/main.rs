//! The reference application of Tollgate, as a server and a command line.

fn main() -> tollgate::Exit {
    lorem_ipsum::app().main()
}
