/** sh: copies the libraries of `program` into the root directory `root`, where its linker looks for them. */
export const copyLibraries = (root: string, program: string) =>
  `for file in $(ldd ${program} | grep -o '/[^ ]*'); do mkdir -p ${root}$(dirname $file); cp -L $file ${root}$file; done`;
