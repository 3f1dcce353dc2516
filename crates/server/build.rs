//! Has the binary built again when the page was.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist/page");
    println!("cargo::rerun-if-changed=../../web/dist/client");
}
