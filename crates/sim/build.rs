//! Links `chance.c` into the program, where the system has that call.

fn main() {
    println!("cargo:rerun-if-changed=src/chance.c");
    let objects = cc::Build::new().file("src/chance.c").compile_intermediates();
    for object in objects {
        println!("cargo:rustc-link-arg-bins={}", object.display());
    }
}
