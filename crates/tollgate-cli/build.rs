//! What is embedded is embedded anew when it changes: cargo does not see which files `include_dir!` reads.

fn main() {
    for folder in ["templates", "../../infra/terraform", "../../infra/kubernetes"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
