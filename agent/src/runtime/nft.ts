// nft(8) without the program: its library, called in this process. Starting the program takes 5 ms and forks an agent
// with a large heap; a task's few elements take the library 0.2 ms, however many tasks there are.
import koffi from 'koffi';

/** Carries out nft(8)'s text as one transaction: all of it or nothing. @throws Error with nft's own words. */
export type Nft = (text: string) => void;

/** @throws Error when this machine lacks the library, which nft itself is made of. */
export function openNft(): Nft {
  const library = koffi.load('libnftables.so.1');
  const carryOut = library.func('int nft_run_cmd_from_buffer(void *context, const char *text)');
  const errors = library.func('const char *nft_ctx_get_error_buffer(void *context)');
  const context: unknown = library.func('void *nft_ctx_new(uint32 flags)')(0);
  // Else they go to this process' own stdout and stderr.
  library.func('int nft_ctx_buffer_output(void *context)')(context);
  library.func('int nft_ctx_buffer_error(void *context)')(context);
  return (text) => {
    if (carryOut(context, text) === 0) return;
    const said: string = errors(context) ?? '';
    throw new Error(`nft refused: ${said.trim().slice(0, 1000)}`);
  };
}
