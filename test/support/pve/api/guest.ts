/** A guest as a test describes it, and what the cluster knows of it beside its configuration file. */
import type { ContainerFiles, Kind } from '../../lxc.ts';
import type { PveContainer, PveVirtualMachine } from '../tree.ts';

export interface ContainerSpec extends PveContainer {
  /** With it there is a real container behind the configuration. */
  kind?: Kind;
  /** Started before the cluster is handed out. */
  running?: boolean;
  files?: ContainerFiles;
  /** Further lines of LXC configuration. */
  lxcConfig?: readonly string[];
  pool?: string;
  /** Managed by the HA manager. */
  ha?: boolean;
}

export interface VirtualMachineSpec extends PveVirtualMachine {
  /** With it a real container stands for the machine: its guest agent runs commands there. */
  kind?: Kind;
  files?: ContainerFiles;
  /** What its guest agent says it is; default: a Linux. */
  os?: 'linux' | 'mswindows';
  running?: boolean;
  pool?: string;
  tags?: string;
  template?: boolean;
}
