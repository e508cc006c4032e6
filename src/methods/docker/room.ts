/** What concerns Docker; a bundle of its own, loaded when there is a container of it. */
export { endpointOf, isEndpointChosen, isThere } from '../../docker/endpoint.ts';
export { engineOf, findContainer, listContainers } from '../../docker/containers.ts';
export { startInDocker } from './start.ts';
