/** What the library exports, as API Extractor finds it in the built declarations. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import type { ExtractorMessage } from '@microsoft/api-extractor';

/** A part of the library; api-extractor's `.api.json`, as far as it is used here. */
export interface ApiItem {
  kind: string;
  name: string;
  /** With its comment marks. */
  docComment: string;
  /** The declaration, in pieces. */
  excerptTokens: { text: string }[];
  members: ApiItem[];
}

/**
 * Reads the declarations of the built library.
 *
 * @param root the checkout, built.
 * @throws Error with what API Extractor objects to, such as a type that is used and not exported.
 */
export function extractApi(root: string): { about: string; items: ApiItem[] } {
  const directory = mkdtempSync(join(tmpdir(), 'api-docs-'));
  try {
    const model = join(directory, 'api.json');
    const config = ExtractorConfig.prepare({
      configObjectFullPath: join(root, 'api-extractor.json'),
      packageJsonFullPath: join(root, 'package.json'),
      configObject: {
        projectFolder: root,
        mainEntryPointFilePath: join(root, 'dist/types/esm/index.d.ts'),
        compiler: { overrideTsconfig: COMPILER },
        apiReport: { enabled: false },
        docModel: { enabled: true, apiJsonFilePath: model },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: {
          extractorMessageReporting: {
            default: { logLevel: ExtractorLogLevel.Error },
            'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
          },
        },
      },
    });
    const objections: string[] = [];
    const messageCallback = (message: ExtractorMessage): void => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) objections.push(message.formatMessageWithLocation(root));
    };
    Extractor.invoke(config, { localBuild: true, messageCallback });
    if (objections.length > 0) throw new Error(objections.join('\n'));
    const { docComment, members } = JSON.parse(readFileSync(model, 'utf8')) as ApiItem;
    return { about: docComment, items: members.flatMap((entryPoint) => entryPoint.members) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** For declarations only: what they may refer to. */
const COMPILER = {
  compilerOptions: { target: 'es2023', lib: ['es2023'], module: 'nodenext', types: ['node'], strict: true },
  files: ['dist/types/esm/index.d.ts'],
};
