//! Links `chance.c` into the program, where the system has that call: Linux. Elsewhere
//! runs work as well, but none can be repeated.

fn main() {
    println!("cargo:rerun-if-changed=src/chance.c");
    if !cfg!(target_os = "linux") {
        return;
    }
    let objects = cc::Build::new().file("src/chance.c").compile_intermediates();
    for object in objects {
        println!("cargo:rustc-link-arg-bins={}", object.display());
    }
}
